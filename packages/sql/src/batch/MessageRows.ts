/** The messages to runs, in their conversations. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import type { RunRows } from "@runlease/store"
import { Array, Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { touch } from "./ConversationRows.js"

const columns = {
  nth: "integer",
  project_id: "text",
  conversation_id: "text",
  id: "text",
  parts: "text",
  idempotency_key: "text",
} as const

/** Adds the messages to runs, in their order. */
export const insert = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): ReadonlyArray<Statement<object>> => {
  const { dialect, sql } = database
  const rows = changes.flatMap(({ after: { spec }, details: { messages = [] } }) =>
    messages.map(({ id, key, parts }) => ({
      project_id: spec.projectId,
      conversation_id: spec.conversationId,
      id,
      parts: JSON.stringify(parts),
      idempotency_key: key ?? null,
    })),
  )
  if (rows.length === 0) return []
  const numbered = rows.map((row, nth) => ({ nth, ...row }))
  return [
    sql<object>`INSERT INTO messages (conversation_pk, id, role, parts, idempotency_key, created_at)
      SELECT c.conversation_pk, v.id, 'user', v.parts, v.idempotency_key, ${now}
      FROM ${dialect.rows(columns, numbered)} v
      JOIN conversations c ON c.project_id = v.project_id AND c.id = v.conversation_id ORDER BY v.nth`,
    touch(
      database,
      rows.map(({ conversation_id: id, project_id }) => ({ project_id, id })),
      now,
    ),
  ]
}

interface MessageRow {
  readonly project_id: Ids.ProjectId
  readonly conversation_id: Ids.ConversationId
  readonly idempotency_key: string
  readonly id: string
}

/** Those of these messages that exist. */
export const read = (
  { dialect, sql }: Database,
  names: ReadonlyArray<RunRows.KeyedMessage>,
): Effect.Effect<ReadonlyArray<{ readonly name: RunRows.KeyedMessage; readonly id: string }>, SqlError> =>
  Effect.map(
    execute(
      sql<MessageRow>`SELECT v.project_id, v.conversation_id, v.idempotency_key, m.id
        FROM ${dialect.rows(
          { project_id: "text", conversation_id: "text", idempotency_key: "text" },
          names.map(({ conversationId, key, projectId }) => ({
            project_id: projectId,
            conversation_id: conversationId,
            idempotency_key: key,
          })),
        )} v
        JOIN conversations c ON c.project_id = v.project_id AND c.id = v.conversation_id
        JOIN messages m ON m.conversation_pk = c.conversation_pk AND m.idempotency_key = v.idempotency_key`,
    ),
    Array.map(({ conversation_id, id, idempotency_key, project_id }) => ({
      name: { projectId: project_id, conversationId: conversation_id, key: idempotency_key },
      id,
    })),
  )
