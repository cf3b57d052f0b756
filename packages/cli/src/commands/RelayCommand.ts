/**
 * `runlease relay`: submits the rows of an outbox in a database of the user's.
 */
import { Command, Options } from "@effect/cli"
import { Runs } from "@runlease/core"
import { Relay } from "@runlease/sql"
import { Console, Effect } from "effect"
import * as Describe from "../help/Describe.js"
import * as Database from "../input/Database.js"
import * as Settings from "../input/Settings.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as DatabaseConnection from "./DatabaseConnection.js"

const from = Options.text("from").pipe(
  Options.withDescription("The database with the outbox: sqlite:PATH or postgres://USER@HOST/NAME"),
)

export const command = Command.make(
  "relay",
  { from, connection: Settings.connection },
  ({ connection, from: setting }) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      // Fails when the connection names another project than that of its key.
      yield* runs.list({ limit: 1 })
      yield* Relay.tables
      const { shown } = yield* Database.parse(setting)
      yield* Console.log(`Submits the rows of ${shown} to ${Settings.shown(connection.url)}`)
      return yield* Relay.run({ project: connection.project })
    }).pipe(
      Effect.provide(DatabaseConnection.layer(setting, "Name that of your application with --from.")),
      Effect.catchTag("SqlError", ({ cause }) => {
        const reason = cause instanceof Error ? cause.message : String(cause)
        return new CommandFailure({
          message: `The tables of the outbox cannot be made: ${reason}`,
          hint: "Where this role may not make tables, apply what `runlease sql outbox` prints as another one.",
          exitCode: ExitCode.unavailable,
        })
      }),
      Settings.withClient(connection),
    ),
).pipe(
  Describe.command(
    "Submit the rows that an application inserts into runlease_outbox of another database than the server's, until a signal. A row leaves the database once its run is there; one that becomes no run moves to runlease_outbox_refused. A second relay of the same database changes nothing.",
    [
      "runlease relay --from postgres://app@db/app",
      "runlease relay --from sqlite:app.sqlite --project shop --url https://runs.example.com",
    ],
  ),
)
