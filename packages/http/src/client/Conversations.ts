import { Conversations } from "@runlease/core"
import { type Context, DateTime, Effect, Option, Schema } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import type * as Refusal from "../contract/Refusal.js"
import { pageOf } from "../Wire.js"
import { Conversation, Message, NewMessage } from "../Wire/Conversation.js"
import * as Cursor from "./Cursor.js"
import { path, Transport } from "./Transport.js"

const encodeMessage = Schema.encodeSync(NewMessage)
const decodeMessage = Schema.decodeUnknownOption(Message)
const Messages = pageOf(Message)

/** Another server tells the id alone. */
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

  const notFoundOr = (operation: string, conversationId: string) => (refusal: Refusal.Refusal) =>
    refusal.httpStatus === 404
      ? new Conversations.ConversationNotFound({ conversationId })
      : ControlPlaneErrors.decode(operation)(refusal)

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
      transport
        .request({
          operation: "Conversations.get",
          method: "GET",
          path: path`/conversations/${conversationId}`,
          success: Conversation,
        })
        .pipe(
          Effect.catchTag("Refusal", (refusal) =>
            Effect.fail(notFoundOr("Conversations.get", conversationId)(refusal)),
          ),
        ),

    addMessage: Effect.fnUntraced(function* (conversationId, message) {
      const added = yield* transport
        .request({
          operation: "Conversations.addMessage",
          method: "POST",
          path: path`/conversations/${conversationId}/messages`,
          body: encodeMessage(message),
          success: Added,
        })
        .pipe(
          Effect.catchTag("Refusal", (refusal) =>
            Effect.fail(notFoundOr("Conversations.addMessage", conversationId)(refusal)),
          ),
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
      const { data, page_info } = yield* transport
        .request({
          operation: "Conversations.messages",
          method: "GET",
          path: path`/conversations/${conversationId}/messages`,
          query: { cursor: page?.cursor, limit: page?.limit },
          success: Messages,
        })
        .pipe(
          Effect.catchTag("Refusal", (refusal) =>
            Effect.fail(Cursor.verdict(page, notFoundOr("Conversations.messages", conversationId))(refusal)),
          ),
        )
      return { items: data, next: page_info.next }
    }),
  }
})
