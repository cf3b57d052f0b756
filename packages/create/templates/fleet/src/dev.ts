/** A fleet on this machine: a server and two workers, each a process of its own. Ctrl-C ends them. */
import * as Command from "@effect/platform/Command"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Redacted } from "effect"
import { devKey } from "./DevKey.js"

/** PostgreSQL where DATABASE_URL names one. Otherwise the server has its runs in a SQLite file, which one server alone can use. */
const database = Config.withDefault(Config.nonEmptyString("DATABASE_URL"), "sqlite:.runlease/runlease.sqlite")

const fleet = Effect.gen(function* () {
  const env = { RUNLEASE_DATABASE: yield* database, RUNLEASE_API_KEY: Redacted.value(yield* devKey) }
  const start = (name: string, command: string, ...args: ReadonlyArray<string>) =>
    Command.make(command, ...args).pipe(
      Command.env({ ...env, WORKER_NAME: name }),
      Command.stdout("inherit"),
      Command.stderr("inherit"),
      Command.exitCode,
      Effect.flatMap((code) => Effect.dieMessage(`${name} has ended with code ${code}`)),
    )
  yield* Effect.logInfo("The key of the dashboard is in .runlease/dev.key, or in RUNLEASE_API_KEY")
  yield* Effect.all(
    [
      start("server", "runlease", "serve"),
      start("ada", "tsx", "src/worker.ts"),
      start("brian", "tsx", "src/worker.ts"),
    ],
    { concurrency: "unbounded" },
  )
})

fleet.pipe(Effect.provide(NodeContext.layer), NodeRuntime.runMain)
