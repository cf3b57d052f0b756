/** The port of conversations: where a run's messages come from. */
import type { Effect } from "effect"
import { Context, type DateTime, Schema, Struct } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import * as Ids from "../model/Ids.js"
import type { MetadataFilter } from "../model/MetadataFilter.js"
import type { OneOrMore } from "../model/OneOrMore.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import { MessagePart } from "../model/RequestSnapshot.js"

export const Conversation = Schema.Struct({
  id: Ids.ConversationId,
  projectId: Ids.ProjectId,
  title: Schema.NullOr(Schema.String),
  metadata: Schema.Unknown,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber,
})
export type Conversation = typeof Conversation.Type

export const NewConversation = Schema.Struct({
  id: Schema.optional(Ids.ConversationId),
  title: Schema.optional(Schema.NullOr(Ids.StorableText.pipe(Schema.maxLength(512)))),
  metadata: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
})
export type NewConversation = typeof NewConversation.Type

/** Where a branch begins. Its title is that of the conversation where it has none. An id that exists returns the conversation that is there. */
export const NewBranch = Schema.Struct({
  ...Struct.pick(NewConversation.fields, "id", "title"),
  messageId: Ids.MessageId,
})
export type NewBranch = typeof NewBranch.Type

/** The most messages of a branch, and the most bytes of JSON that they have. */
export const maxBranch = { messages: 1000, bytes: 4 * 1024 * 1024 } as const

/** What changes of a conversation. A field that is absent stays. */
export const ConversationChange = Schema.Struct(Struct.pick(NewConversation.fields, "title", "metadata"))
export type ConversationChange = typeof ConversationChange.Type

/**
 * Which conversations a list has.
 *
 * `text` is in the title, in any case of its letters. `agentId` is the agent of one of the 100 newest runs of the conversation. `from` and
 * `to` bound when the conversation was updated; `to` is not in it. Metadata of more than 16 KiB of JSON matches nothing. Several values
 * of one condition mean a conversation with one of them, 20 at most.
 */
export interface ConversationFilter {
  readonly text?: string | undefined
  readonly agentId?: OneOrMore<Ids.AgentId> | undefined
  readonly from?: DateTime.Utc | undefined
  readonly to?: DateTime.Utc | undefined
  readonly metadata?: MetadataFilter | undefined
}

/** How many of its newest runs say which agents a conversation has. */
export const maxAgentRuns = 100

export const ConversationMessage = Schema.Struct({
  id: Ids.MessageId,
  conversationId: Ids.ConversationId,
  role: Schema.String,
  parts: Schema.Array(MessagePart),
  parentId: Schema.NullOr(Schema.String),
  metadata: Schema.Unknown,
  createdAt: Schema.DateTimeUtcFromNumber,
})
export type ConversationMessage = typeof ConversationMessage.Type

/**
 * The key of a message that a caller adds, as a store has it. A key that begins with `run ` is that of a message to a run, so a caller's own
 * is separate from it, and takes none before its message is sent.
 */
export const storedKey = (idempotencyKey: string): string =>
  /^(run|own) /.test(idempotencyKey) ? `own ${idempotencyKey}` : idempotencyKey

/** `idempotencyKey`: adding again with the same key returns the first message. */
export const NewMessage = Schema.Struct({
  role: Ids.text(64),
  parts: Schema.Array(MessagePart),
  idempotencyKey: Schema.optional(Ids.text(256)),
  parentId: Schema.optional(Schema.NullOr(Ids.StorableText)),
  metadata: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
})
export type NewMessage = typeof NewMessage.Type

/** No conversation of this project has that id. */
export class ConversationNotFound extends Schema.TaggedError<ConversationNotFound>(
  "@runlease/core/ConversationNotFound",
)("ConversationNotFound", { conversationId: Schema.String }) {
  override get message() {
    return `Conversation ${this.conversationId} does not exist`
  }
}

/** A run of the conversation is needed: it has not ended, or its parent or one of its children has not. */
export class ConversationInUse extends Schema.TaggedError<ConversationInUse>(
  "@runlease/core/ConversationInUse",
)("ConversationInUse", { conversationId: Schema.String, runId: Schema.String }) {
  override get message() {
    return `Run ${this.runId} of conversation ${this.conversationId} or its family has not ended; cancel it first`
  }
}

/** A branch begins at no message of the conversation, or would have too many of them. */
export class BranchRefused extends Schema.TaggedError<BranchRefused>("@runlease/core/BranchRefused")(
  "BranchRefused",
  {
    conversationId: Schema.String,
    messageId: Schema.String,
    reason: Schema.Literal("no_message", "too_large"),
  },
) {
  override get message() {
    return this.reason === "no_message"
      ? `Conversation ${this.conversationId} has no message ${this.messageId}`
      : `A branch at message ${this.messageId} would copy more than ${maxBranch.messages} messages, or ${maxBranch.bytes} bytes of them`
  }
}

export class Conversations extends Context.Tag("@runlease/core/Conversations")<
  Conversations,
  {
    /** Creates a conversation; an id that exists in the project returns the one that is there. */
    readonly create: (conversation?: NewConversation) => Effect.Effect<Conversation, ControlPlaneError>

    readonly get: (
      conversationId: Ids.ConversationId,
    ) => Effect.Effect<Conversation, ConversationNotFound | ControlPlaneError>

    /**
     * The conversations that people use, the one that was updated last first. A conversation is updated when it is created or changed, gets
     * a message, or is named by the submission of a run.
     *
     * A conversation that a run has made for itself is not among them until it gets a title, metadata or a message, or a further submission names
     * it. A page that has looked at `Summaries.maxSearched` conversations is short, and its `next` continues.
     *
     * Source: docs/decisions/0149-lists-of-conversations.md
     */
    readonly list: (
      request?: ConversationFilter & PageRequest,
    ) => Effect.Effect<Page<Conversation>, InvalidCursor | ControlPlaneError>

    /** Changes the title or the metadata, and returns the conversation as it is then. */
    readonly update: (
      conversationId: Ids.ConversationId,
      change: ConversationChange,
    ) => Effect.Effect<Conversation, ConversationNotFound | ControlPlaneError>

    /**
     * Deletes the conversation with its messages, its runs and their logs, many at a time. Where it fails, what was deleted before stays
     * deleted, and a further call continues.
     */
    readonly remove: (
      conversationId: Ids.ConversationId,
    ) => Effect.Effect<void, ConversationNotFound | ConversationInUse | ControlPlaneError>

    /**
     * Creates a conversation with copies of the messages up to this one, which have ids of their own. Runs are not copied, and what is
     * written to either later is not in the other.
     */
    readonly branch: (
      conversationId: Ids.ConversationId,
      branch: NewBranch,
    ) => Effect.Effect<Conversation, ConversationNotFound | BranchRefused | ControlPlaneError>

    readonly addMessage: (
      conversationId: Ids.ConversationId,
      message: NewMessage,
    ) => Effect.Effect<ConversationMessage, ConversationNotFound | ControlPlaneError>

    /** Oldest first. */
    readonly messages: (
      conversationId: Ids.ConversationId,
      page?: PageRequest,
    ) => Effect.Effect<Page<ConversationMessage>, ConversationNotFound | InvalidCursor | ControlPlaneError>
  }
>() {}
