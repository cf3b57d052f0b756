/**
 * `runlease outbox`: what became no run of the rows that applications insert in transactions of their own.
 */
import { Args, Command, Options } from "@effect/cli"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Outbox } from "@runlease/sql"
import { Console, Effect } from "effect"
import * as Describe from "../help/Describe.js"
import * as Database from "../input/Database.js"
import * as Settings from "../input/Settings.js"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as DatabaseConnection from "./DatabaseConnection.js"

const common = { database: Database.option, json: Settings.json }

const onDatabase = <A>(setting: string, use: Effect.Effect<A, SqlError, SqlClient.SqlClient>) =>
  use.pipe(
    Effect.provide(DatabaseConnection.layer(setting, "Name that of the server with --database.")),
    Effect.catchTag("SqlError", ({ cause }) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      return new CommandFailure({
        message: `The outbox cannot be read: ${reason}`,
        hint: "A server of this version makes its tables when it starts.",
        exitCode: ExitCode.unavailable,
      })
    }),
  )

const shown = ({ code, createdAt, id, message, project, refusedAt, submission }: Outbox.RefusedRow) => ({
  id,
  project,
  code,
  message,
  created_at: createdAt,
  refused_at: refusedAt,
  submission: JSON.parse(submission) as unknown,
})

const list = Command.make("list", common, ({ database, json }) =>
  Effect.gen(function* () {
    const { refused, waiting } = yield* onDatabase(database, Outbox.rows)
    if (json) return yield* Effect.forEach(refused, (row) => Output.json(shown(row)), { discard: true })
    const paint = yield* Output.paint
    if (refused.length > 0) {
      yield* Console.log(
        Output.table(
          ["ROW", "PROJECT", "INSERTED", "CODE", "REASON"],
          refused.map(({ code, createdAt, id, message, project }) => [
            id,
            project,
            createdAt.slice(0, 19).replace("T", " "),
            code,
            message,
          ]),
          paint,
        ),
      )
    }
    yield* Console.log(
      `${Phrases.count(refused.length, "row")} refused, ${Phrases.count(waiting, "row")} waiting.` +
        (refused.length === 0 ? "" : " Insert them again with: runlease outbox retry --all"),
    )
  }),
).pipe(
  Describe.command("List the rows that became no run, with the reason.", [
    "runlease outbox list",
    "runlease outbox list --json --database postgres://app@db/app",
  ]),
)

const chosen = {
  ids: Args.text({ name: "row" }).pipe(
    Args.withDescription("The ids of rows, as outbox list shows them"),
    Args.repeated,
  ),
  all: Options.boolean("all").pipe(Options.withDescription("All refused rows")),
}

const change = (
  name: "retry" | "discard",
  done: string,
  use: (rows: Outbox.Chosen) => Effect.Effect<number, SqlError, SqlClient.SqlClient>,
) =>
  Command.make(name, { ...common, ...chosen }, ({ all, database, ids, json }) =>
    Effect.gen(function* () {
      if (all === ids.length > 0) {
        return yield* usage("Name the rows by their ids, or all of them with --all")
      }
      const count = yield* onDatabase(database, use(all ? "all" : ids))
      yield* json ? Output.json({ rows: count }) : Console.log(`${done} ${Phrases.count(count, "row")}`)
    }),
  )

const retry = change("retry", "Inserted again:", Outbox.retry).pipe(
  Describe.command(
    "Insert refused rows again, after what was in the way has gone: each becomes a run, or is refused again.",
    ["runlease outbox retry --all", "runlease outbox retry 0192f0c1-7a4e-7bb1-a1e4-3c1f0a2b9d11"],
  ),
)

const discard = change("discard", "Discarded:", Outbox.discard).pipe(
  Describe.command("Delete refused rows for good.", ["runlease outbox discard --all"]),
)

export const command = Command.make("outbox").pipe(
  Describe.command(
    "Look at the rows that applications insert in their own transactions and that became no run. It opens the database of the server.",
  ),
  Command.withSubcommands([list, retry, discard]),
)
