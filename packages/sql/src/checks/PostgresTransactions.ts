/**
 * Whether a transaction stays open for so long that vacuum cannot remove the rows that claims leave behind.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"

interface Row {
  readonly pid: number
  readonly name: string
  readonly state: string
  readonly seconds: number
}

const minutes = (seconds: number): string => `${Math.round(seconds / 60)} min`

/** `longest`: how long a transaction may be open, in seconds. */
export const check = (longest = 3600): HealthCheck.HealthCheck<SqlClient.SqlClient> => ({
  name: "transactions",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] =
      yield* sql<Row>`SELECT pid, COALESCE(NULLIF(application_name, ''), usename::text, '') AS name,
        COALESCE(state, '') AS state, EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::float8 AS seconds
      FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' ORDER BY xact_start LIMIT 1`
    return row === undefined || row.seconds < longest
      ? HealthCheck.ok("No transaction stays open for long.")
      : HealthCheck.warn(
          `A transaction of ${row.name} (process ${row.pid}, ${row.state}) is open for ${minutes(row.seconds)}: vacuum cannot remove the rows that claims leave behind.`,
          `End it: SELECT pg_terminate_backend(${row.pid})`,
        )
  }),
})
