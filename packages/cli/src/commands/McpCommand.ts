/**
 * `runlease mcp`: the runs of a project as tools for a program that starts this command.
 */
import { Command, Options } from "@effect/cli"
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { ControlPlane } from "@runlease/core"
import * as Mcp from "@runlease/http-mcp/Mcp"
import { Console, Effect, Stream } from "effect"
import * as Describe from "../help/Describe.js"
import * as Overview from "../help/Overview.js"
import * as Settings from "../input/Settings.js"

/** The messages of the program that has started this one. A stream that breaks has no others. */
const lines = NodeStream.stdin.pipe(Stream.decodeText(), Stream.splitLines)

export const command = Command.make(
  "mcp",
  {
    connection: Settings.connection,
    agents: Options.boolean("agents").pipe(
      Options.withDescription("A tool for each agent that a worker names, in addition to the others"),
    ),
  },
  ({ agents, connection }) =>
    Effect.gen(function* () {
      const ports = yield* Effect.context<ControlPlane.ProjectPorts>()
      const waits = yield* Mcp.waits
      const server = Mcp.make({ ports, waits, agents, version: Overview.version, admit: () => Effect.void })
      yield* Mcp.serveLines(server, lines, (line) => Console.log(line))
    }).pipe(Effect.scoped, Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Serve the runs of a project as tools of the Model Context Protocol, over standard input and output. A client such as a coding agent starts it; the server itself has the same tools at /mcp.",
    ["runlease mcp", "claude mcp add runlease -- runlease mcp --agents"],
  ),
)
