/**
 * Conversations and their messages on the wire.
 *
 * @since 0.1.0
 */
import { Conversations, Ids, RequestSnapshot } from "@runlease/core"
import { Schema } from "effect"
import { as, JsonObject, nullish, Timestamp } from "../Wire.js"

export const Conversation = as<Conversations.Conversation>()(
  Schema.Struct({
    id: Ids.ConversationId,
    project_id: Ids.ProjectId,
    title: nullish(Schema.String),
    metadata: Schema.optional(Schema.Unknown),
    created_at: Timestamp,
    updated_at: Timestamp,
  }),
  {
    decode: (wire) => ({
      id: wire.id,
      projectId: wire.project_id,
      title: wire.title ?? null,
      metadata: wire.metadata ?? null,
      createdAt: wire.created_at,
      updatedAt: wire.updated_at,
    }),
    encode: (conversation) => ({
      id: conversation.id,
      project_id: conversation.projectId,
      title: conversation.title,
      metadata: conversation.metadata ?? null,
      created_at: conversation.createdAt,
      updated_at: conversation.updatedAt,
    }),
  },
).annotations({ identifier: "Conversation" })

/** `project_id`, when given, must be the caller's. */
export const NewConversation = Schema.Struct({
  id: nullish(Ids.ConversationId),
  project_id: nullish(Ids.ProjectId),
  title: Conversations.NewConversation.fields.title,
  metadata: nullish(JsonObject),
}).annotations({ identifier: "NewConversation" })

export const Message = as<Conversations.ConversationMessage>()(
  Schema.Struct({
    id: Ids.MessageId,
    conversation_id: Ids.ConversationId,
    role: Schema.String,
    parts: Schema.Array(RequestSnapshot.MessagePart),
    parent_id: nullish(Schema.String),
    metadata: Schema.optional(Schema.Unknown),
    created_at: Timestamp,
  }),
  {
    decode: (wire) => ({
      id: wire.id,
      conversationId: wire.conversation_id,
      role: wire.role,
      parts: wire.parts,
      parentId: wire.parent_id ?? null,
      metadata: wire.metadata ?? null,
      createdAt: wire.created_at,
    }),
    encode: (message) => ({
      id: message.id,
      conversation_id: message.conversationId,
      role: message.role,
      parts: message.parts,
      parent_id: message.parentId,
      metadata: message.metadata ?? null,
      created_at: message.createdAt,
    }),
  },
).annotations({ identifier: "Message" })

export const NewMessage = as<Conversations.NewMessage>()(
  Schema.Struct({
    role: Ids.text(64),
    parts: Schema.Array(RequestSnapshot.MessagePart),
    idempotency_key: nullish(Ids.text(256)),
    parent_id: nullish(Ids.StorableText),
    metadata: nullish(JsonObject),
  }),
  {
    decode: (wire) => ({
      role: wire.role,
      parts: wire.parts,
      idempotencyKey: wire.idempotency_key ?? undefined,
      parentId: wire.parent_id,
      metadata: wire.metadata,
    }),
    encode: (message) => ({
      role: message.role,
      parts: message.parts,
      idempotency_key: message.idempotencyKey,
      parent_id: message.parentId,
      metadata: message.metadata,
    }),
  },
).annotations({ identifier: "NewMessage" })
