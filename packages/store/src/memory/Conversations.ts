/**
 * Conversations over the state in memory.
 */
import {
  type ConversationMessage,
  ConversationNotFound,
  type Conversations,
  type NewConversation,
  storedKey,
} from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { lengthOf } from "@runlease/core/Json"
import { keysOf } from "@runlease/core/Page"
import { Effect, Either } from "effect"
import * as KeysetPage from "../rows/KeysetPage.js"
import * as State from "./State.js"

/** Adds an empty conversation. */
export const newConversation = (
  step: State.Step,
  projectId: Ids.ProjectId,
  id: Ids.ConversationId,
  fields: NewConversation = {},
): State.ConversationRecord => {
  const record: State.ConversationRecord = {
    conversation: {
      id,
      projectId,
      title: fields.title ?? null,
      metadata: fields.metadata ?? null,
      createdAt: step.at,
      updatedAt: step.at,
    },
    messages: [],
    byIdempotencyKey: new Map(),
  }
  State.projectOf(step.state, projectId).conversations.set(id, record)
  return record
}

export const make = (state: State.State, projectId: Ids.ProjectId): Conversations["Type"] => {
  const { conversations } = State.projectOf(state, projectId)

  const find = (id: Ids.ConversationId): Either.Either<State.ConversationRecord, ConversationNotFound> =>
    Either.fromNullable(conversations.get(id), () => new ConversationNotFound({ conversationId: id }))

  return {
    create: Effect.fnUntraced(function* (fields = {}) {
      const id = fields.id ?? Ids.ConversationId.make(yield* Ids.uuidV7)
      return yield* State.step(state, (step) => {
        const record = conversations.get(id) ?? newConversation(step, projectId, id, fields)
        return Either.right(record.conversation)
      })
    }),

    get: (id) => Either.map(find(id), ({ conversation }) => conversation),

    addMessage: Effect.fnUntraced(function* (conversationId, fields) {
      const id = Ids.MessageId.make(yield* Ids.uuidV7)
      return yield* State.step(state, ({ at }) =>
        Either.map(find(conversationId), (record) => {
          const idempotencyKey = fields.idempotencyKey && storedKey(fields.idempotencyKey)
          const before =
            idempotencyKey === undefined ? undefined : record.byIdempotencyKey.get(idempotencyKey)
          if (before !== undefined) return before
          const message: ConversationMessage = {
            id,
            conversationId,
            role: fields.role,
            parts: fields.parts,
            parentId: fields.parentId ?? null,
            metadata: fields.metadata ?? null,
            createdAt: at,
          }
          record.messages.push(message)
          if (idempotencyKey !== undefined) record.byIdempotencyKey.set(idempotencyKey, message)
          record.conversation = { ...record.conversation, updatedAt: at }
          return message
        }),
      )
    }),

    messages: (conversationId, page) =>
      Either.flatMap(find(conversationId), ({ messages }) =>
        Either.map(keysOf(page?.cursor, [-1]), ([before = -1]) => {
          const limit = KeysetPage.limitOf(page)
          const found = messages
            .slice(before + 1, before + limit + 2)
            .map((message, index) => ({ message, key: before + 1 + index }))
          const sizes = found.map(({ message }) => lengthOf(message))
          const rows = found.slice(0, KeysetPage.countWithin(sizes, limit))
          return KeysetPage.pageWith(
            { rows, more: rows.length < found.length },
            ({ key }) => [key],
            ({ message }) => message,
          )
        }),
      ),
  }
}
