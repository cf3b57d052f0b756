/**
 * Debounced runs: the key whose later submissions a run takes, and the runs that no worker has claimed, by their keys.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = [
  "ALTER TABLE runs ADD COLUMN debounce_key TEXT",
  "ALTER TABLE queue ADD COLUMN debounce_key TEXT",
  `CREATE INDEX queue_debounced ON queue (project_id, agent_id, debounce_key, run_pk)
    WHERE debounce_key IS NOT NULL`,
]

export default Effect.flatMap(SqlClient, (sql) =>
  Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true }),
)
