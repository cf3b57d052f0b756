/**
 * The migrations that a database has had.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import * as Migrations from "../Migrations.js"

const hasTable = (name: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql.onDialectOrElse({
        sqlite: () => sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ${name}`,
        orElse: () => sql`SELECT 1 WHERE to_regclass(${name}) IS NOT NULL`,
      }),
      (rows) => rows.length > 0,
    ),
  )

/** The number of the last one; 0 for none. */
export const last: Effect.Effect<number, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  if (!(yield* hasTable(Migrations.table))) return 0
  const [row] = yield* sql<{
    readonly last: number | null
  }>`SELECT MAX(migration_id) AS last FROM ${sql(Migrations.table)}`
  return Number(row?.last ?? 0)
})
