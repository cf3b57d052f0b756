/** The port of conversations: where a run's messages come from. */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import * as Ids from "../model/Ids.js"
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

export class Conversations extends Context.Tag("@runlease/core/Conversations")<
  Conversations,
  {
    /** Creates a conversation; an id that exists in the project returns the one that is there. */
    readonly create: (conversation?: NewConversation) => Effect.Effect<Conversation, ControlPlaneError>

    readonly get: (
      conversationId: Ids.ConversationId,
    ) => Effect.Effect<Conversation, ConversationNotFound | ControlPlaneError>

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
