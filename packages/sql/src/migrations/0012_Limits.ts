/**
 * Limits of concurrency: the limit of a run, the limits with their counts, and the next run of each.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = (id: string, integer: string): ReadonlyArray<string> => [
  "ALTER TABLE runs ADD COLUMN limit_name TEXT",
  `ALTER TABLE runs ADD COLUMN concurrency_limit ${integer}`,
  "ALTER TABLE queue ADD COLUMN limit_name TEXT",
  `ALTER TABLE queue ADD COLUMN placed_at ${integer}`,

  // `gate`: 3 waits for a place.
  "CREATE INDEX queue_limited ON queue (project_id, limit_name, priority DESC, run_pk) WHERE gate = 3",
  `CREATE INDEX queue_open ON queue (project_id, limit_name, placed_at)
    WHERE gate = 0 AND limit_name IS NOT NULL`,

  // The counts are those of the rows of queue and leases.
  `CREATE TABLE limits (
    limit_pk ${id},
    project_id TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    max_running ${integer},
    paused INTEGER NOT NULL,
    running ${integer} NOT NULL,
    open ${integer} NOT NULL,
    stale ${integer} NOT NULL,
    behind ${integer} NOT NULL,
    parked ${integer} NOT NULL,
    check_at ${integer},
    UNIQUE (project_id, limit_name)
  )`,
  "CREATE INDEX limits_due ON limits (check_at) WHERE check_at IS NOT NULL",
  "CREATE INDEX limits_by_project ON limits (project_id, limit_pk)",
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const all = sql.onDialectOrElse({
    sqlite: () => statements("INTEGER PRIMARY KEY", "INTEGER"),
    orElse: () => statements("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BIGINT"),
  })
  yield* Effect.forEach(all, (statement) => sql.unsafe(statement), { discard: true })
})
