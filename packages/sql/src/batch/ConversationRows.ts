/** The conversations that the submissions of a commit name. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids, RequestSnapshot } from "@runlease/core"
import { RunRows } from "@runlease/store"
import type { Statement } from "@effect/sql/Statement"
import { DateTime, Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { fromJson } from "../rows/Fields.js"

interface MessageRow {
  readonly project_id: string
  readonly conversation_id: string
  readonly id: string | null
  readonly role: string
  readonly parts: string
  readonly metadata: string | null
  readonly created_at: number
}

const snapshotMessage = (row: MessageRow & { readonly id: string }): RequestSnapshot.SnapshotMessage => ({
  id: row.id,
  role: row.role,
  parts: fromJson<RequestSnapshot.SnapshotMessage["parts"]>(row.parts) ?? [],
  ...(row.metadata === null ? {} : { metadata: fromJson(row.metadata) }),
  createdAt: DateTime.formatIso(DateTime.unsafeMake(row.created_at)),
})

/** A conversation that is wanted; `whole`: with its messages. */
interface Wanted {
  readonly project_id: Ids.ProjectId
  readonly id: Ids.ConversationId
  readonly whole: number
}

interface SizeRow {
  readonly project_id: string
  readonly id: string
  readonly bytes: number
}

const wantedColumns = { project_id: "text", id: "text", whole: "integer" } as const

const nameOf = ({ id, project_id }: Pick<SizeRow, "id" | "project_id">): string => `${project_id}/${id}`

/** The names of those whose messages are more than a submission takes. */
const tooLarge = (
  { dialect, sql }: Database,
  wanted: ReadonlyArray<Wanted>,
): Effect.Effect<ReadonlySet<string>, SqlError> => {
  const whole = wanted.filter((each) => each.whole === 1)
  return whole.length === 0
    ? Effect.succeed(new Set())
    : Effect.map(
        execute(sql<SizeRow>`
          SELECT c.project_id, c.id,
            CAST(SUM(octet_length(m.parts) + COALESCE(octet_length(m.metadata), 0)) AS BIGINT) AS bytes
          FROM ${dialect.rows(wantedColumns, whole)} v
          JOIN conversations c ON c.project_id = v.project_id AND c.id = v.id
          JOIN messages m ON m.conversation_pk = c.conversation_pk
          GROUP BY c.project_id, c.id`),
        (rows) =>
          new Set(rows.filter(({ bytes }) => Number(bytes) > RunRows.maxConversationBytes).map(nameOf)),
      )
}

/**
 * The conversations that exist, each with its messages where a submission needs them. None of them can be deleted before the
 * commit.
 */
export const read = (
  database: Database,
  refs: ReadonlyArray<RunRows.ConversationRef>,
): Effect.Effect<ReadonlyArray<RunRows.ConversationMessages>, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const found = new Map<string, Array<RequestSnapshot.SnapshotMessage>>()
    const wanted = new Map<string, Wanted>()
    for (const { conversationId, messages, projectId } of refs) {
      const name = `${projectId}/${conversationId}`
      const whole = messages || wanted.get(name)?.whole === 1 ? 1 : 0
      wanted.set(name, { project_id: projectId, id: conversationId, whole })
    }
    const large = yield* tooLarge(database, [...wanted.values()])
    const read = Array.from(wanted, ([name, each]) => (large.has(name) ? { ...each, whole: 0 } : each))
    const rows = yield* execute(sql<MessageRow>`
      SELECT c.project_id, c.id AS conversation_id, m.id, m.role, m.parts, m.metadata, m.created_at
      FROM ${dialect.rows(wantedColumns, read)} v
      JOIN conversations c ON c.project_id = v.project_id AND c.id = v.id
      LEFT JOIN messages m ON m.conversation_pk = c.conversation_pk AND v.whole = 1
      ORDER BY m.message_pk ${dialect.keep("c")}`)
    for (const row of rows) {
      const name = `${row.project_id}/${row.conversation_id}`
      const messages = found.get(name) ?? []
      found.set(name, messages)
      if (row.id !== null) messages.push(snapshotMessage({ ...row, id: row.id }))
    }
    return Array.from(found, ([name, messages]): RunRows.ConversationMessages => {
      const { id, project_id } = wanted.get(name)!
      return {
        projectId: project_id,
        conversationId: id,
        messages: large.has(name) ? "too_large" : messages,
      }
    })
  })

const nameColumns = { project_id: "text", id: "text" } as const

/** Lists these conversations, as updated now. */
export const touch = (
  { dialect, sql }: Database,
  names: ReadonlyArray<{ readonly project_id: string; readonly id: string }>,
  now: number,
): Statement<object> =>
  sql<object>`UPDATE conversations SET updated_at = ${now}, listed = 1 WHERE conversation_pk IN (
    SELECT c.conversation_pk FROM ${dialect.rows(nameColumns, names)} v
    JOIN conversations c ON c.project_id = v.project_id AND c.id = v.id ${dialect.lockShared("c", "c.conversation_pk")})`
