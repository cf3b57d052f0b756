/**
 * How large the database is. A connection cannot report how much room its disk has.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"

export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "disk",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ readonly size: string }>`
      SELECT pg_size_pretty(pg_database_size(current_database())) AS size`
    return HealthCheck.ok(
      `The database has ${row?.size ?? "an unknown size"}. How much room its disk has is unknown from here: see df on its machine.`,
    )
  }),
}
