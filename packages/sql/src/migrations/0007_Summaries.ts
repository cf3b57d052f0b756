/**
 * What lists show of runs: their titles, the leases that have lapsed, and the runs that wait for answers.
 *
 * Runs that are there have no title. The claims that have ended do not record when their leases ended.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = (integer: string, interrupts: string): ReadonlyArray<string> => [
  "ALTER TABLE runs ADD COLUMN title TEXT",

  `ALTER TABLE claims ADD COLUMN expires_at ${integer}`,
  "ALTER TABLE claims ADD COLUMN project_id TEXT",
  `UPDATE claims SET project_id = (SELECT r.project_id FROM runs r WHERE r.run_pk = claims.run_pk)
    WHERE ended = 'lease_expired'`,
  "CREATE INDEX claims_lost ON claims (project_id, ended_at, run_pk, worker_id) WHERE ended = 'lease_expired'",

  `ALTER TABLE waits ADD COLUMN answers_due ${integer}`,
  `UPDATE waits SET answers_due = COALESCE(waiting_expires_at, ${Number.MAX_SAFE_INTEGER}) WHERE ${interrupts} > 0`,
  "CREATE INDEX waits_asking ON waits (project_id, answers_due, run_pk) WHERE answers_due IS NOT NULL",
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const all = sql.onDialectOrElse({
    sqlite: () => statements("INTEGER", "json_array_length(waiting, '$.interrupts')"),
    orElse: () => statements("BIGINT", "json_array_length(waiting::json -> 'interrupts')"),
  })
  yield* Effect.forEach(all, (statement) => sql.unsafe(statement), { discard: true })
})
