import { Conversations } from "@runlease/core"
import { type Context, DateTime, Effect, Option, Schema } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import { pageOf } from "../Wire.js"
import { Conversation, Message, NewMessage } from "../Wire/Conversation.js"
import { path, Transport } from "./Transport.js"

const encodeMessage = Schema.encodeSync(NewMessage)
const decodeMessage = Schema.decodeUnknownOption(Message)
const Messages = pageOf(Message)

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
  const transport = yield* Transport

  return {
    create: Effect.fnUntraced(
      function* (conversation) {
        return yield* transport.request({
          operation: "Conversations.create",
          method: "POST",
          path: "/conversations",
          body: conversation ?? {},
          success: Conversation,
        })
      },
      Effect.catchTag("Refusal", (refusal) =>
        Effect.fail(ControlPlaneErrors.decode("Conversations.create")(refusal)),
      ),
    ),

    get: (conversationId) =>
      transport.call(
        {
          operation: "Conversations.get",
          method: "GET",
          path: path`/conversations/${conversationId}`,
          success: Conversation,
        },
        ["ConversationNotFound"],
        { conversationId },
      ),

    addMessage: Effect.fnUntraced(function* (conversationId, message) {
      const added = yield* transport.call(
        {
          operation: "Conversations.addMessage",
          method: "POST",
          path: path`/conversations/${conversationId}/messages`,
          body: encodeMessage(message),
          success: Added,
        },
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
      const { data, page_info } = yield* transport.call(
        {
          operation: "Conversations.messages",
          method: "GET",
          path: path`/conversations/${conversationId}/messages`,
          query: { cursor: page?.cursor, limit: page?.limit },
          success: Messages,
        },
        ["ConversationNotFound", "InvalidCursor"],
        {
          conversationId,
          cursor: page?.cursor,
        },
      )
      return { items: data, next: page_info.next }
    }),
  }
})
