/**
 * `runlease watch`: a run's events as they come.
 */
import { Command, Options } from "@effect/cli"
import { Effect, Schema } from "effect"
import { exitCodeHelp } from "./ExitCode.js"
import { follow } from "./Follow.js"
import { runId } from "./RunIdArgument.js"
import * as Settings from "./Settings.js"

const after = Options.integer("after").pipe(
  Options.withSchema(Schema.NonNegativeInt),
  Options.withDescription("Show only what comes after the event of this id"),
  Options.withDefault(0),
)

export const command = Command.make(
  "watch",
  { connection: Settings.connection, after, json: Settings.json, runId },
  (options) => Effect.provide(follow(options), Settings.client(options.connection)),
).pipe(
  Command.withDescription(
    `Follow a run to its end, over takeovers by other workers. Ctrl-C leaves the run alone. ${exitCodeHelp} ` +
      "Example: runlease watch my-run",
  ),
)
