/**
 * The tables of a new SQLite file, made at once. The migrations make the same ones in a tenth of a second of CPU, which each start on a new file
 * would pay.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, Option } from "effect"
import { tables } from "./NewFileTables.js"
import { SqliteHandle } from "./SqliteConnection.js"

/** Makes the tables in an open transaction, unless the file has some. Returns whether it did. */
export const create: Effect.Effect<boolean, SqlError, SqlClient.SqlClient> = Effect.flatMap(
  Effect.all([Effect.serviceOption(SqliteHandle), SqlClient.SqlClient]),
  ([handle, sql]) =>
    Option.match(handle, {
      onNone: () => Effect.succeed(false),
      onSome: ({ database }) =>
        Effect.flatMap(sql`SELECT 1 FROM sqlite_master LIMIT 1`, (found) =>
          found.length > 0
            ? Effect.succeed(false)
            : Effect.try({
                try: () => {
                  database.exec(tables)
                  return true
                },
                catch: (cause) => new SqlError({ cause, message: "The tables cannot be made" }),
              }),
        ),
    }),
)
