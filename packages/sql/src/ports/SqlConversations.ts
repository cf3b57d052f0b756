/** Conversations on SQL. */
import { ControlPlane, type ControlPlaneUnavailable, Conversations, Ids, Page } from "@runlease/core"
import { BranchRules, ConversationSearch, KeysetPage, SummaryRows, Turns } from "@runlease/store"
import { DateTime, Effect, Either, Function } from "effect"
import * as RunDeletion from "../batch/RunDeletion.js"
import { keyRows } from "../batch/RunQueries.js"
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

/** The row of a conversation that the list has. `metadata` is JSON. */
const newRow = (
  projectId: Ids.ProjectId,
  id: Ids.ConversationId,
  fields: Pick<ConversationRow, "title" | "metadata">,
  now: number,
) => ({ id, project_id: projectId, ...fields, listed: 1, created_at: now, updated_at: now })

interface Create {
  readonly projectId: Ids.ProjectId
  readonly id: Ids.ConversationId
  readonly fields: Conversations.NewConversation
}

interface Update {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  readonly change: Conversations.ConversationChange
}

/** A conversation that is deleted in parts. One that is made again under its id is another one; SQLite may give it the same key. */
type Begun = Pick<ConversationRow, "conversation_pk" | "created_at">

interface Remove {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  /** What an earlier commit of the same delete found. */
  readonly begun: Begun | null
}

interface Branch {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  readonly id: Ids.ConversationId
  readonly branch: Conversations.NewBranch
}

interface Add {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  readonly id: string
  readonly message: Conversations.NewMessage
}

interface CandidateRow {
  readonly conversation_pk: number
  readonly updated_at: number
  readonly title: string | null
  readonly bytes: number
  readonly has_agent: number
  readonly metadata: string | null
}

const isSame = (found: Begun | undefined, begun: Begun): boolean =>
  found?.conversation_pk === begun.conversation_pk && found.created_at === begun.created_at

const metadataBytes = "COALESCE(octet_length(c.metadata), 0)"

/** The conversations of a project as a list of them reads them. */
const rowsOf = (
  { dialect, read, sql, ...database }: SqlStore,
  projectId: Ids.ProjectId,
): ConversationSearch.ConversationRows<ControlPlaneUnavailable.ControlPlaneUnavailable> => ({
  candidates: ({ after, agentIds, from, limit, needsMetadata }) => {
    const agents = dialect.rows(
      { id: "text" },
      agentIds.map((id) => ({ id })),
    )
    const hasAgent =
      agentIds.length === 0
        ? sql.literal("1")
        : sql`CASE WHEN EXISTS (
            SELECT 1 FROM (
              SELECT r.agent_id FROM runs r WHERE r.conversation_id = c.id AND r.project_id = ${projectId}
              ORDER BY r.run_pk DESC LIMIT ${Conversations.maxAgentRuns}
            ) newest WHERE newest.agent_id IN (SELECT id FROM ${agents} a)
          ) THEN 1 ELSE 0 END`
    const metadata = needsMetadata
      ? `CASE WHEN ${metadataBytes} <= ${SummaryRows.maxMetadata} THEN c.metadata END`
      : "NULL"
    return Effect.map(
      read(
        "Conversations.list",
        sql<CandidateRow>`SELECT c.conversation_pk, c.updated_at, c.title,
            ${sql.literal(`${metadataBytes} AS bytes, ${metadata} AS metadata`)}, ${hasAgent} AS has_agent
          FROM conversations c
          WHERE c.project_id = ${projectId} AND c.listed = 1 AND c.updated_at >= ${from}
            AND (c.updated_at, c.conversation_pk) < (${after.updatedAt}, ${after.key})
          ORDER BY c.updated_at DESC, c.conversation_pk DESC LIMIT ${limit}`,
      ),
      (rows) =>
        rows.map((row) => ({
          key: row.conversation_pk,
          updatedAt: row.updated_at,
          title: row.title,
          bytes: Number(row.bytes),
          hasAgent: row.has_agent === 1,
          metadata: fromJson(row.metadata),
        })),
    )
  },

  find: (keys) =>
    Effect.map(
      read(
        "Conversations.list",
        sql<ConversationRow>`SELECT c.* FROM ${keyRows({ dialect, sql, ...database }, keys)} v
          JOIN conversations c ON c.conversation_pk = v.run_pk`,
      ),
      (rows) => rows.map((row) => [row.conversation_pk, toConversation(row)] as const),
    ),
})

export const make = (
  store: SqlStore,
): ((projectId: Ids.ProjectId) => Conversations.Conversations["Type"]) => {
  const { dialect, sql, writer } = store

  const find = (projectId: Ids.ProjectId, id: Ids.ConversationId) =>
    Effect.map(
      sql<ConversationRow>`SELECT * FROM conversations WHERE project_id = ${projectId} AND id = ${id}`,
      ([row]) => row,
    )

  const createOne = Effect.fnUntraced(function* ({ projectId, id, fields }: Create, now: number) {
    const created = { title: fields.title ?? null, metadata: toJson(fields.metadata) }
    const insert = sql<ConversationRow>`INSERT INTO conversations ${sql.insert(newRow(projectId, id, created, now))}
      ON CONFLICT (project_id, id) DO NOTHING RETURNING *`
    // One that is there may be deleted before it is read.
    const row = yield* Effect.repeat(
      Effect.flatMap(insert, ([made]) => (made === undefined ? find(projectId, id) : Effect.succeed(made))),
      { until: (found): found is ConversationRow => found !== undefined },
    )
    return Either.right(toConversation(row))
  })

  const create = writer.operation<Create, Conversations.Conversation, Conversations.Conversation>({
    name: "Conversations.create",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => createOne(request, now)),
    answer: Function.identity,
  })

  const updateOne = Effect.fnUntraced(function* (
    { change: { metadata, title }, conversationId, projectId }: Update,
    now: number,
  ) {
    const changed = {
      updated_at: now,
      listed: 1,
      ...(title === undefined ? {} : { title }),
      ...(metadata === undefined ? {} : { metadata: toJson(metadata) }),
    }
    const [row] = yield* sql<ConversationRow>`UPDATE conversations SET ${sql.update(changed)}
      WHERE project_id = ${projectId} AND id = ${conversationId} RETURNING *`
    return Either.fromNullable(
      row && toConversation(row),
      () => new Conversations.ConversationNotFound({ conversationId }),
    )
  })

  const update = writer.operation<
    Update,
    Conversations.Conversation,
    Conversations.Conversation,
    Conversations.ConversationNotFound
  >({
    name: "Conversations.update",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => updateOne(request, now)),
    answer: Function.identity,
  })

  const runsOf = ({ conversationId, projectId }: Remove) =>
    sql`r.conversation_id = ${conversationId} AND r.project_id = ${projectId}`

  /** A run that is needed, as one is that prune leaves. */
  const needed = (of: Remove) =>
    sql<{ readonly run_id: string }>`SELECT r.run_id FROM runs r LEFT JOIN outcomes o ON o.run_pk = r.run_pk
      WHERE ${runsOf(of)} AND (o.run_pk IS NULL OR ${sql.literal(RunDeletion.isNeeded)}) LIMIT 1`

  /** Deletes a part of the conversation; returns it while there is more of it. */
  const removeOne = Effect.fnUntraced(function* (of: Remove, now: number) {
    const { begun, conversationId, projectId } = of
    // All transactions lock runs before conversations.
    const due = yield* sql<RunDeletion.Finished>`
      SELECT ${sql.literal(RunDeletion.finishedColumns)} FROM runs r
      JOIN outcomes o ON o.run_pk = r.run_pk WHERE ${runsOf(of)}
      ORDER BY r.run_pk LIMIT ${ControlPlane.defaultPruneLimit} ${dialect.lockFree("r")}`
    const [conversation] = yield* sql<Begun>`
      SELECT c.conversation_pk, c.created_at FROM conversations c
      WHERE c.project_id = ${projectId} AND c.id = ${conversationId} ${dialect.lock("c", "c.conversation_pk")}`
    if (begun !== null && !isSame(conversation, begun)) return Either.right(null)
    if (conversation === undefined) {
      return Either.left(new Conversations.ConversationNotFound({ conversationId }))
    }
    const [inUse] = yield* needed(of)
    if (inUse !== undefined) {
      return Either.left(new Conversations.ConversationInUse({ conversationId, runId: inUse.run_id }))
    }
    yield* RunDeletion.some(store, { projectId, now }, due)
    const left = yield* sql`SELECT 1 FROM runs r WHERE ${runsOf(of)} LIMIT 1`
    const { conversation_pk } = conversation
    if (left.length > 0 || !(yield* RunDeletion.messages(store, [conversation_pk]))) {
      return Either.right(conversation)
    }
    yield* sql`DELETE FROM conversations WHERE conversation_pk = ${conversation_pk}`
    return Either.right(null)
  })

  const remove = writer.operation<
    Remove,
    Begun | null,
    Begun | null,
    Conversations.ConversationNotFound | Conversations.ConversationInUse
  >({
    name: "Conversations.remove",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => removeOne(request, now)),
    answer: Function.identity,
  })

  const branchOne = Effect.fnUntraced(function* (
    { branch: { messageId, title }, conversationId, id, projectId }: Branch,
    now: number,
  ) {
    const before = yield* find(projectId, id)
    if (before !== undefined) return Either.right(toConversation(before))
    const [source] = yield* sql<ConversationRow>`SELECT c.* FROM conversations c
      WHERE c.project_id = ${projectId} AND c.id = ${conversationId} ${dialect.keep("c")}`
    if (source === undefined) return Either.left(new Conversations.ConversationNotFound({ conversationId }))
    const refused = (reason: Conversations.BranchRefused["reason"]) =>
      Either.left(new Conversations.BranchRefused({ conversationId, messageId, reason }))
    const ofSource = sql`FROM messages WHERE conversation_pk = ${source.conversation_pk}`
    const [last] = yield* sql<{ readonly message_pk: number }>`
      SELECT message_pk ${ofSource} AND id = ${messageId}`
    if (last === undefined) return refused("no_message")
    const copied = sql`${ofSource} AND message_pk <= ${last.message_pk} ORDER BY message_pk`
    const sizes = yield* sql<{ readonly bytes: number }>`SELECT ${sql.literal(messageBytes)} ${copied}
      LIMIT ${Conversations.maxBranch.messages + 1}`
    if (!BranchRules.fits(sizes.map(({ bytes }) => Number(bytes)))) return refused("too_large")
    const rows = yield* sql<MessageRow>`SELECT * ${copied}`
    const [made] = yield* sql<ConversationRow>`INSERT INTO conversations ${sql.insert(
      newRow(projectId, id, { title: title ?? source.title, metadata: source.metadata }, now),
    )} RETURNING *`
    const { conversation_pk } = made!
    yield* sql`INSERT INTO messages ${sql.insert(
      BranchRules.copies(rows.map(toMessage(conversationId)), id).map((message) => ({
        conversation_pk,
        id: message.id,
        role: message.role,
        parts: JSON.stringify(message.parts),
        parent_id: message.parentId,
        metadata: toJson(message.metadata),
        created_at: DateTime.toEpochMillis(message.createdAt),
      })),
    )}`
    return Either.right(toConversation(made!))
  })

  const branch = writer.operation<
    Branch,
    Conversations.Conversation,
    Conversations.Conversation,
    Conversations.ConversationNotFound | Conversations.BranchRefused
  >({
    name: "Conversations.branch",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => branchOne(request, now)),
    answer: Function.identity,
  })

  const addOne = Effect.fnUntraced(function* ({ projectId, conversationId, id, message }: Add, now: number) {
    // A delete of the conversation waits for the message, or the message for the delete.
    const [conversation] = yield* sql<Pick<ConversationRow, "conversation_pk">>`
      SELECT c.conversation_pk FROM conversations c WHERE c.project_id = ${projectId} AND c.id = ${conversationId}
      ${dialect.lockShared("c", "c.conversation_pk")}`
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
    yield* sql`UPDATE conversations SET updated_at = ${now}, listed = 1 WHERE conversation_pk = ${conversation_pk}`
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

    list: (request = {}) => ConversationSearch.list(rowsOf(store, projectId), request),

    update: (conversationId, change) => update({ projectId, conversationId, change }),

    remove: Effect.fnUntraced(function* (conversationId) {
      let begun = yield* remove({ projectId, conversationId, begun: null })
      while (begun !== null) {
        yield* Turns.letOthersGo(writer)
        begun = yield* remove({ projectId, conversationId, begun })
      }
    }),

    branch: Effect.fnUntraced(function* (conversationId, fields) {
      const id = fields.id ?? Ids.ConversationId.make(yield* Ids.uuidV7)
      return yield* branch({ projectId, conversationId, id, branch: fields })
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
