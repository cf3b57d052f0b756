/**
 * Schedules that have had no success for too long. `schedules.next_at` is when the store looks at a schedule again: at its next tick, or when
 * it may have become stale.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = [
  "ALTER TABLE schedules ADD COLUMN stale INTEGER NOT NULL DEFAULT 0",
  "CREATE INDEX schedules_stale ON schedules (project_id, schedule_pk) WHERE stale = 1",
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
