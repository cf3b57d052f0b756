/**
 * `runlease dev`: everything on this machine, for somebody who writes an agent.
 */
import { Command, Options } from "@effect/cli"
import { HttpServer } from "@effect/platform"
import { Access, ControlPlane } from "@runlease/core"
import { Dashboard } from "@runlease/dashboard"
import * as Server from "@runlease/http/Server"
import { Console, Effect, Layer, Option, Redacted } from "effect"
import * as ExecutorFlags from "../executors/ExecutorFlags.js"
import * as Describe from "../help/Describe.js"
import * as Database from "../input/Database.js"
import * as DevKey from "../input/DevKey.js"
import * as Flag from "../input/Flag.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as DevWorker from "./DevWorker.js"
import * as LocalServer from "./LocalServer.js"
import * as WorkerCommand from "./WorkerCommand.js"

const host = "127.0.0.1"

const options = {
  executor: ExecutorFlags.options,
  ...WorkerCommand.claiming,
  port: Flag.whole("port", { minimum: 0, maximum: 65_535, setting: "RUNLEASE_PORT" }).pipe(
    Options.withDescription("The port of the dashboard and the API, 0 for a free one"),
    Options.withDefault(4400),
  ),
  database: Database.option,
  rest: ExecutorFlags.args,
}

/** The flags that the worker does not have. */
const own = ["--port", "--database"]

/** The arguments behind `dev`, without its own flags: they are the worker's. */
export const workerArgs = (argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const args = argv.slice(argv.indexOf("dev") + 1)
  const end = args.includes("--") ? args.indexOf("--") : args.length
  return args.filter((arg, at) => {
    if (at >= end) return true
    const isValue = at > 0 && own.includes(args[at - 1]!)
    return !isValue && !own.some((flag) => arg === flag || arg.startsWith(`${flag}=`))
  })
}

/** What works when the command line names nothing: an agent that says what it was told. */
const echo = ["--command", "printenv", "--", "RUNLEASE_PROMPT"]

export const command = Command.make(
  "dev",
  options,
  Effect.fnUntraced(function* (parsed) {
    const paint = yield* Output.paint
    const database = yield* Database.parse(parsed.database)
    const given = workerArgs(process.argv)
    // A mistake in the flags of the executor ends the command before anything starts.
    if (given.length > 0) yield* ExecutorFlags.executorOf(parsed.executor, parsed.rest)
    const apiKey = yield* DevKey.make
    const server = Server.layerWith({ rateLimit: Infinity, inFront: yield* Dashboard.inFront() })
    const work = Effect.gen(function* () {
      const access = yield* Access.Access
      const project = yield* access.getProject(ControlPlane.defaultProject)
      yield* access.createKey({ projectId: project.id, name: "dev", admin: true, token: apiKey })
      const { address } = yield* HttpServer.HttpServer
      const url = LocalServer.urlOf(address)
      yield* Console.log(
        [
          `${paint("bold", "Runlease")}: ${paint("cyan", `${url}/`)}`,
          `  database  ${database.shown}`,
          `  API key   ${Redacted.value(apiKey)}`,
          "",
        ].join("\n"),
      )
      const code = yield* DevWorker.run({
        url,
        apiKey,
        args: given.length === 0 ? echo : given,
        module: Option.getOrUndefined(parsed.executor.module.module),
      })
      return yield* new CommandFailure({
        message: `The worker has ended${code === null ? "" : ` with code ${code}`}`,
        exitCode: ExitCode.error,
      })
    })
    return yield* Effect.provide(
      work,
      server.pipe(
        Layer.provideMerge(LocalServer.controlPlane(database, "normal")),
        Layer.provideMerge(LocalServer.listener({ host, port: parsed.port })),
      ),
    )
  }),
).pipe(
  Describe.command(
    "Everything to write an agent with: a store, a server with its dashboard, a key, and a worker, in one process group. A worker of --module starts again when the module or a file beside it changes. Without an executor it has an agent that says what it was told.",
    ["runlease dev --module ./agent.ts", "runlease dev --command ./agent.sh", "runlease dev"],
  ),
)
