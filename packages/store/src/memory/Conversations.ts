/**
 * Conversations over the state in memory.
 */
import {
  BranchRefused,
  type Conversation,
  ConversationInUse,
  type ConversationMessage,
  ConversationNotFound,
  type Conversations,
  maxAgentRuns,
  type NewConversation,
  storedKey,
} from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { lengthOf } from "@runlease/core/Json"
import { keysOf } from "@runlease/core/Page"
import { DateTime, Effect, Either } from "effect"
import * as ConversationSearch from "../rows/ConversationSearch.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import { maxMetadata } from "../rows/SummaryRows.js"
import * as BranchRules from "../rules/BranchRules.js"
import * as RunDeletion from "./RunDeletion.js"
import * as State from "./State.js"

/** Changes a conversation and lists it. */
export const touch = (record: State.ConversationRecord, change: Partial<Conversation>): void => {
  record.conversation = { ...record.conversation, ...change }
  record.listed = true
}

/** Adds an empty conversation. */
export const newConversation = (
  step: State.Step,
  projectId: Ids.ProjectId,
  id: Ids.ConversationId,
  fields: NewConversation = {},
): State.ConversationRecord => {
  step.state.lastConversation += 1
  const record: State.ConversationRecord = {
    key: step.state.lastConversation,
    listed: false,
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

/** The conversations of a project as a list of them reads them. */
const rowsOf = ({ conversations, runs }: State.ProjectState): ConversationSearch.ConversationRows<never> => {
  const agentsOf = (id: Ids.ConversationId) =>
    Array.from(runs.values(), ({ state: run }) => run.spec)
      .filter(({ conversationId }) => conversationId === id)
      .slice(-maxAgentRuns)
      .map(({ agentId }) => agentId)
  return {
    candidates: ({ after, agentIds, from, limit, needsMetadata }) =>
      Effect.sync(() =>
        Array.from(conversations.values())
          .filter(({ listed }) => listed)
          .map((record) => ({ ...record, updatedAt: DateTime.toEpochMillis(record.conversation.updatedAt) }))
          .filter(
            ({ key, updatedAt }) =>
              updatedAt >= from &&
              (updatedAt < after.updatedAt || (updatedAt === after.updatedAt && key < after.key)),
          )
          .sort((a, b) => b.updatedAt - a.updatedAt || b.key - a.key)
          .slice(0, limit)
          .map(({ conversation: { id, metadata, title }, key, updatedAt }) => {
            const bytes = lengthOf(metadata)
            return {
              key,
              updatedAt,
              title,
              bytes,
              hasAgent: agentIds.length === 0 || agentsOf(id).some((agentId) => agentIds.includes(agentId)),
              metadata: needsMetadata && bytes <= maxMetadata ? metadata : null,
            }
          }),
      ),
    find: (keys) =>
      Effect.sync(() =>
        Array.from(conversations.values()).flatMap(({ conversation, key }) =>
          keys.includes(key) ? [[key, conversation] as const] : [],
        ),
      ),
  }
}

export const make = (state: State.State, projectId: Ids.ProjectId): Conversations["Type"] => {
  const project = State.projectOf(state, projectId)
  const { conversations } = project
  const rows = rowsOf(project)

  const find = (id: Ids.ConversationId): Either.Either<State.ConversationRecord, ConversationNotFound> =>
    Either.fromNullable(conversations.get(id), () => new ConversationNotFound({ conversationId: id }))

  return {
    create: Effect.fnUntraced(function* (fields = {}) {
      const id = fields.id ?? Ids.ConversationId.make(yield* Ids.uuidV7)
      return yield* State.step(state, (step) => {
        const before = conversations.get(id)
        const record = before ?? newConversation(step, projectId, id, fields)
        if (before === undefined) record.listed = true
        return Either.right(record.conversation)
      })
    }),

    list: (request = {}) => ConversationSearch.list(rows, request),

    update: (conversationId, { metadata, title }) =>
      State.step(state, ({ at }) =>
        Either.map(find(conversationId), (record) => {
          touch(record, {
            updatedAt: at,
            ...(title === undefined ? {} : { title }),
            ...(metadata === undefined ? {} : { metadata }),
          })
          return record.conversation
        }),
      ),

    remove: (conversationId) =>
      State.step(state, ({ now }): Either.Either<void, ConversationInUse | ConversationNotFound> => {
        const found = find(conversationId)
        if (Either.isLeft(found)) return Either.left(found.left)
        const runs = Array.from(project.runs.values()).filter(
          ({ state: { spec } }) => spec.conversationId === conversationId,
        )
        const inUse = runs.find((run) => RunDeletion.isNeeded(project, run))
        if (inUse !== undefined) {
          return Either.left(new ConversationInUse({ conversationId, runId: inUse.state.spec.runId }))
        }
        RunDeletion.remove(state, project, runs, now)
        conversations.delete(conversationId)
        return Either.right(undefined)
      }),

    branch: Effect.fnUntraced(function* (conversationId, { messageId, title, ...fields }) {
      const id = fields.id ?? Ids.ConversationId.make(yield* Ids.uuidV7)
      return yield* State.step(
        state,
        (step): Either.Either<Conversation, BranchRefused | ConversationNotFound> => {
          const before = conversations.get(id)
          if (before !== undefined) return Either.right(before.conversation)
          return Either.flatMap(find(conversationId), ({ conversation, messages }) => {
            const copied = messages.slice(0, messages.findIndex((message) => message.id === messageId) + 1)
            const refused = (reason: BranchRefused["reason"]) =>
              Either.left(new BranchRefused({ conversationId, messageId, reason }))
            if (copied.length === 0) return refused("no_message")
            if (!BranchRules.fits(copied.map(BranchRules.bytesOf))) return refused("too_large")
            const { metadata } = conversation
            const record = newConversation(step, projectId, id, { title: title ?? conversation.title })
            touch(record, { metadata })
            record.messages.push(...BranchRules.copies(copied, id))
            return Either.right(record.conversation)
          })
        },
      )
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
          touch(record, { updatedAt: at })
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
