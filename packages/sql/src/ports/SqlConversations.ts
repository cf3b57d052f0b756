/** Conversations on SQL. */
import { Conversations, Ids, Page } from "@runlease/core"
import { KeysetPage } from "@runlease/store"
import { DateTime, Effect, Either, Function } from "effect"
import { fromJson, toJson } from "../rows/Fields.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface ConversationRow {
  readonly conversation_pk: number
  readonly id: Ids.ConversationId
  readonly project_id: Ids.ProjectId
  readonly title: string | null
  readonly metadata: string | null
  readonly created_at: number
  readonly updated_at: number
}

interface MessageRow {
  readonly message_pk: number
  readonly id: Ids.MessageId
  readonly role: string
  readonly parts: string
  readonly parent_id: string | null
  readonly metadata: string | null
  readonly created_at: number
}

/** About how many bytes a message takes, for a SELECT from `messages`. */
const messageBytes = "octet_length(parts) + COALESCE(octet_length(metadata), 0) AS bytes"

const toConversation = (row: ConversationRow): Conversations.Conversation => ({
  id: row.id,
  projectId: row.project_id,
  title: row.title,
  metadata: fromJson(row.metadata),
  createdAt: DateTime.unsafeMake(row.created_at),
  updatedAt: DateTime.unsafeMake(row.updated_at),
})

const toMessage =
  (conversationId: Ids.ConversationId) =>
  (row: MessageRow): Conversations.ConversationMessage => ({
    id: row.id,
    conversationId,
    role: row.role,
    parts: fromJson<Conversations.ConversationMessage["parts"]>(row.parts) ?? [],
    parentId: row.parent_id,
    metadata: fromJson(row.metadata),
    createdAt: DateTime.unsafeMake(row.created_at),
  })

interface Create {
  readonly projectId: Ids.ProjectId
  readonly id: Ids.ConversationId
  readonly fields: Conversations.NewConversation
}

interface Add {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  readonly id: string
  readonly message: Conversations.NewMessage
}

export const make = (
  store: SqlStore,
): ((projectId: Ids.ProjectId) => Conversations.Conversations["Type"]) => {
  const { sql, writer } = store

  const find = (projectId: Ids.ProjectId, id: Ids.ConversationId) =>
    Effect.map(
      sql<ConversationRow>`SELECT * FROM conversations WHERE project_id = ${projectId} AND id = ${id}`,
      ([row]) => row,
    )

  const createOne = Effect.fnUntraced(function* ({ projectId, id, fields }: Create, now: number) {
    yield* sql`INSERT INTO conversations ${sql.insert({
      id,
      project_id: projectId,
      title: fields.title ?? null,
      metadata: toJson(fields.metadata),
      created_at: now,
      updated_at: now,
    })} ON CONFLICT (project_id, id) DO NOTHING`
    const row = yield* find(projectId, id)
    return Either.right(toConversation(row!))
  })

  const create = writer.operation<Create, Conversations.Conversation, Conversations.Conversation>({
    name: "Conversations.create",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => createOne(request, now)),
    answer: Function.identity,
  })

  const addOne = Effect.fnUntraced(function* ({ projectId, conversationId, id, message }: Add, now: number) {
    const conversation = yield* find(projectId, conversationId)
    if (conversation === undefined) {
      return Either.left(new Conversations.ConversationNotFound({ conversationId }))
    }
    const { conversation_pk } = conversation
    const key = message.idempotencyKey && Conversations.storedKey(message.idempotencyKey)
    if (key !== undefined) {
      const [first] = yield* sql<MessageRow>`SELECT * FROM messages
        WHERE conversation_pk = ${conversation_pk} AND idempotency_key = ${key}`
      if (first !== undefined) return Either.right(toMessage(conversationId)(first))
    }
    const [row] = yield* sql<MessageRow>`INSERT INTO messages ${sql.insert({
      conversation_pk,
      id,
      role: message.role,
      parts: JSON.stringify(message.parts),
      parent_id: message.parentId ?? null,
      metadata: toJson(message.metadata),
      idempotency_key: key ?? null,
      created_at: now,
    })} RETURNING *`
    yield* sql`UPDATE conversations SET updated_at = ${now} WHERE conversation_pk = ${conversation_pk}`
    return Either.right(toMessage(conversationId)(row!))
  })

  const addMessage = writer.operation<
    Add,
    Conversations.ConversationMessage,
    Conversations.ConversationMessage,
    Conversations.ConversationNotFound
  >({
    name: "Conversations.addMessage",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => addOne(request, now)),
    answer: Function.identity,
  })

  const get = (operation: string, projectId: Ids.ProjectId, conversationId: Ids.ConversationId) =>
    Effect.filterOrFail(
      store.read(operation, find(projectId, conversationId)),
      (row) => row !== undefined,
      () => new Conversations.ConversationNotFound({ conversationId }),
    )

  return (projectId) => ({
    create: Effect.fnUntraced(function* (fields = {}) {
      const id = fields.id ?? Ids.ConversationId.make(yield* Ids.uuidV7)
      return yield* create({ projectId, id, fields })
    }),

    get: (id) => Effect.map(get("Conversations.get", projectId, id), toConversation),

    addMessage: Effect.fnUntraced(function* (conversationId, message) {
      return yield* addMessage({ projectId, conversationId, id: yield* Ids.uuidV7, message })
    }),

    messages: Effect.fnUntraced(function* (conversationId, page) {
      const { conversation_pk } = yield* get("Conversations.messages", projectId, conversationId)
      const limit = KeysetPage.limitOf(page)
      const [after] = yield* Page.keysOf(page?.cursor, [0])
      const oldest = <Row extends object>(columns: string, most: number) =>
        sql<Row>`SELECT ${sql.literal(columns)} FROM messages
          WHERE conversation_pk = ${conversation_pk} AND message_pk > ${after}
          ORDER BY message_pk LIMIT ${most}`
      const found = yield* store.read(
        "Conversations.messages",
        Effect.gen(function* () {
          const sizes = yield* oldest<{ readonly bytes: number }>(messageBytes, limit + 1)
          const count = KeysetPage.countWithin(
            sizes.map(({ bytes }) => Number(bytes)),
            limit,
          )
          const rows = count === 0 ? [] : yield* oldest<MessageRow>("*", count)
          return { rows, more: sizes.length > count }
        }),
      )
      return KeysetPage.pageWith(found, (row) => [row.message_pk], toMessage(conversationId))
    }),
  })
}
