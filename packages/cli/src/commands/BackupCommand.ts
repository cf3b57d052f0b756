/**
 * `runlease backup`: copies the database while the server uses it.
 */
import { Command } from "@effect/cli"
import { SqliteBackup } from "@runlease/sql"
import { Console, Effect } from "effect"
import * as Database from "../input/Database.js"
import { usage } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"
import { positionalText } from "../input/PositionalText.js"

export const command = Command.make(
  "backup",
  {
    database: Database.option,
    json: Settings.json,
    file: positionalText("file", "The copy to write; it must not exist"),
  },
  (options) =>
    Effect.gen(function* () {
      const database = yield* Database.parse(options.database)
      if (database._tag === "Postgres") {
        return yield* usage(
          "A PostgreSQL database is backed up by its own tools",
          "Use pg_dump, or the continuous archiving of the server.",
        )
      }
      const { filename } = database
      const { bytes } = yield* SqliteBackup.write({ filename, destination: options.file })
      yield* options.json
        ? Output.json({ file: options.file, bytes })
        : Console.log(`Wrote ${options.file}, ${bytes} bytes, checked`)
    }),
).pipe(
  Describe.command(
    "Copy the SQLite database to a file, whole and checked, while the server works. The copy is a database like any other: serve it with --database sqlite:FILE.",
    ["runlease backup monday.sqlite"],
  ),
)
