/**
 * Whether an SQLite file has the tables and indexes of its version. Those of unique columns belong to their tables.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as AppliedMigrations from "./AppliedMigrations.js"
import * as Expected from "./Expected.js"
import * as IndexFinding from "./IndexFinding.js"

const sameText = (one: string, other: string): boolean =>
  one.replaceAll(/\s+/g, " ").trim() === other.replaceAll(/\s+/g, " ").trim()

export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "indexes",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const expected = yield* Expected.upTo(yield* AppliedMigrations.last)
    const rows = yield* sql<{ readonly type: string; readonly name: string; readonly sql: string | null }>`
      SELECT type, name, sql FROM sqlite_master`
    const statements = new Map(rows.map((row) => [row.name, row.sql]))
    return IndexFinding.of(expected, {
      tables: expected.tables.filter((name) => !statements.has(name)),
      indexes: expected.indexes.filter(({ name }) => !statements.has(name)),
      others: expected.indexes.flatMap(({ name, statement }) => {
        const found = statements.get(name)
        return found == null || sameText(found, statement)
          ? []
          : [
              {
                what: `${name} is another index than it should be`,
                repair: `DROP INDEX ${name}; ${statement}`,
              },
            ]
      }),
    })
  }),
}
