/** Conversations and their messages on the wire. */
import { Conversations, Ids, RequestSnapshot } from "@runlease/core"
import { Schema } from "effect"
import { MessageParts } from "./Submission.js"
import { absent, Description, Json, JsonObject, nullish, orNull, renamed, Timestamp } from "../Wire.js"

export const Conversation = renamed({
  id: Ids.ConversationId,
  projectId: Ids.ProjectId,
  title: orNull(Schema.String),
  metadata: Schema.optionalWith(Json, { default: () => null }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
}).annotations({ identifier: "Conversation" })

/** `project_id`, if present, must be the caller's. */
export const NewConversation = Schema.Struct({
  id: nullish(Ids.ConversationId),
  project_id: nullish(Ids.ProjectId),
  title: Conversations.NewConversation.fields.title,
  metadata: nullish(Description),
}).annotations({ identifier: "NewConversation" })

/** What changes of a conversation. A field that is absent stays, one that is null is removed. */
export const ConversationChange = Schema.Struct({
  title: Conversations.NewConversation.fields.title,
  metadata: Schema.optional(Schema.NullOr(Description)),
}).annotations({ identifier: "ConversationChange" })

export const NewBranch = Schema.Struct({
  message_id: Ids.MessageId.annotations({ description: "The last message of the branch" }),
  id: nullish(Ids.ConversationId),
  title: Conversations.NewConversation.fields.title,
}).annotations({ identifier: "NewBranch" })

export const Message = renamed({
  id: Ids.MessageId,
  conversationId: Ids.ConversationId,
  role: Schema.String,
  parts: Schema.Array(RequestSnapshot.MessagePart),
  parentId: orNull(Schema.String).pipe(Schema.fromKey("parent_id")),
  metadata: Schema.optionalWith(Json, { default: () => null }),
  createdAt: Timestamp,
}).annotations({ identifier: "Message" })

export const NewMessage = renamed({
  role: Ids.text(64),
  parts: MessageParts,
  idempotencyKey: absent(Ids.text(256)).pipe(Schema.fromKey("idempotency_key")),
  parentId: nullish(Ids.StorableText).pipe(Schema.fromKey("parent_id")),
  metadata: nullish(JsonObject),
}).annotations({ identifier: "NewMessage" })
