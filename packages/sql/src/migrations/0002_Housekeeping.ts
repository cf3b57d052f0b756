/**
 * Waiting that expires, and pruning.
 *
 * `runs.waiting_expires_at` is when a waiting run fails. `conversations.runless` is 1 for a conversation whose last run
 * was pruned, so that it can go too once it is old enough. The indexes hold only what may expire or be pruned.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const integer = sql.onDialectOrElse({ sqlite: () => "INTEGER", orElse: () => "BIGINT" })
  yield* Effect.forEach(
    [
      `ALTER TABLE runs ADD COLUMN waiting_expires_at ${integer}`,
      `CREATE INDEX runs_expiring ON runs (waiting_expires_at)
        WHERE status = 'waiting' AND waiting_expires_at IS NOT NULL`,
      `CREATE INDEX runs_finished ON runs (project_id, finished_at) WHERE finished_at IS NOT NULL`,
      `ALTER TABLE conversations ADD COLUMN runless INTEGER NOT NULL DEFAULT 0`,
      `CREATE INDEX conversations_runless ON conversations (project_id, updated_at) WHERE runless = 1`,
    ],
    (statement) => sql.unsafe(statement),
    { discard: true },
  )
})
