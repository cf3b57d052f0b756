/**
 * Which conversations the list of them has: `listed` is 1 for those. A run that makes its own conversation writes no row of the index.
 *
 * Of the conversations that are there, those with a title, metadata, a message or several runs are listed.
 *
 * Source: docs/decisions/0149-lists-of-conversations.md
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = [
  "ALTER TABLE conversations ADD COLUMN listed INTEGER NOT NULL DEFAULT 0",
  `UPDATE conversations SET listed = 1 WHERE title IS NOT NULL OR metadata IS NOT NULL
    OR conversation_pk IN (SELECT conversation_pk FROM messages)
    OR (project_id, id) IN (
      SELECT project_id, conversation_id FROM runs GROUP BY project_id, conversation_id HAVING COUNT(*) > 1
    )`,
  "CREATE INDEX conversations_listed ON conversations (project_id, updated_at, conversation_pk) WHERE listed = 1",
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
