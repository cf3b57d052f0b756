import { Conversations } from "@runlease/core"
import { type Context, DateTime, Effect, Option, Schema } from "effect"
import * as Api from "../Api/Conversations.js"
import { Message } from "../Wire/Conversation.js"
import * as Conditions from "./Conditions.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

const decodeMessage = Schema.decodeUnknownOption(Message)

/** Another server sends the id alone. */
const Added = Schema.Struct(
  { id: Schema.typeSchema(Conversations.ConversationMessage.fields.id) },
  {
    key: Schema.String,
    value: Schema.Unknown,
  },
)

export const make: Effect.Effect<
  Context.Tag.Service<Conversations.Conversations>,
  never,
  Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("Conversations", Api.group)

  return {
    create: (conversation) => call("create", { body: conversation ?? {} }),

    get: (conversationId) =>
      call(
        "conversation",
        { operation: "Conversations.get", path: { conversation_id: conversationId } },
        ["ConversationNotFound"],
        { conversationId },
      ),

    list: Effect.fnUntraced(function* ({ agentId, cursor, from, limit, metadata, text, to } = {}) {
      const query = {
        cursor,
        limit,
        // No condition on the title is an empty text.
        text: text === "" ? undefined : text,
        agent_id: Conditions.listOf(agentId),
        updated_after: from,
        updated_before: to,
        ...Conditions.onMetadata(metadata),
      }
      const { data, page_info } = yield* call("list", { query }, ["InvalidCursor"], { cursor })
      return { items: data, next: page_info.next }
    }),

    update: (conversationId, change) =>
      call(
        "change",
        {
          operation: "Conversations.update",
          path: { conversation_id: conversationId },
          body: change,
        },
        ["ConversationNotFound"],
        { conversationId },
      ),

    remove: (conversationId) =>
      Effect.asVoid(
        call(
          "remove",
          {
            operation: "Conversations.remove",
            path: { conversation_id: conversationId },
            success: Schema.Unknown,
          },
          ["ConversationNotFound", "ConversationInUse"],
          { conversationId },
        ),
      ),

    branch: (conversationId, { id, messageId, title }) =>
      call(
        "branch",
        { path: { conversation_id: conversationId }, body: { id, message_id: messageId, title } },
        ["ConversationNotFound", "BranchRefused"],
        { conversationId, messageId },
      ),

    addMessage: Effect.fnUntraced(function* (conversationId, message) {
      const added = yield* call(
        "addMessage",
        { path: { conversation_id: conversationId }, body: message, success: Added },
        ["ConversationNotFound"],
        { conversationId },
      )
      const createdAt = yield* DateTime.now
      return Option.getOrElse(decodeMessage(added), () => ({
        id: added.id,
        conversationId,
        role: message.role,
        parts: message.parts,
        parentId: message.parentId ?? null,
        metadata: message.metadata ?? null,
        createdAt,
      }))
    }),

    messages: Effect.fnUntraced(function* (conversationId, page) {
      const { data, page_info } = yield* call(
        "messages",
        {
          path: { conversation_id: conversationId },
          query: { cursor: page?.cursor, limit: page?.limit },
        },
        ["ConversationNotFound", "InvalidCursor"],
        { conversationId, cursor: page?.cursor },
      )
      return { items: data, next: page_info.next }
    }),
  }
})
