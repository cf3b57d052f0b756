/**
 * The limits of time of runs: what a submission has set, how long a run has worked, and when a limit ends it.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const integer = sql.onDialectOrElse({ sqlite: () => "INTEGER", orElse: () => "BIGINT" })
  const statements = [
    "ALTER TABLE runs ADD COLUMN time_limits TEXT",
    ...["queue", "leases", "waits"].map(
      (table) => `ALTER TABLE ${table} ADD COLUMN worked_millis ${integer}`,
    ),
    `ALTER TABLE queue ADD COLUMN start_by ${integer}`,
    "CREATE INDEX queue_start_by ON queue (start_by) WHERE start_by IS NOT NULL",
    `ALTER TABLE leases ADD COLUMN timeout_at ${integer}`,
    "CREATE INDEX leases_timeout_at ON leases (timeout_at) WHERE timeout_at IS NOT NULL",
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
