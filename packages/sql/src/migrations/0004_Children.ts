/**
 * Children of runs. A run knows its place below its parent, and which of its own children have ended.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const statements = [
    "ALTER TABLE runs ADD COLUMN child TEXT",
    "CREATE INDEX runs_by_parent ON runs (project_id, parent_run_id, run_pk) WHERE parent_run_id IS NOT NULL",
    ...["queue", "leases", "waits", "outcomes"].map(
      (table) => `ALTER TABLE ${table} ADD COLUMN children TEXT`,
    ),
    "ALTER TABLE outcomes ADD COLUMN open_children INTEGER",
    "CREATE INDEX outcomes_with_children ON outcomes (open_children) WHERE open_children > 0",
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
