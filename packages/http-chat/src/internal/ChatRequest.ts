/**
 * What a page of the AI SDK posts: its messages, and what of them is to be answered.
 *
 * Source: `HttpChatTransport` of npm `ai` 7.0.173
 */
import { Ids, RequestSnapshot } from "@runlease/core"
import { atMost, maxMessages, maxParts, nullish } from "@runlease/http/face/Endpoint"
import { Predicate, Schema } from "effect"

type Part = RequestSnapshot.MessagePart

const missing = (part: Part, fields: ReadonlyArray<string>): string | undefined =>
  fields.find((field) => typeof part[field] !== "string")

const isTool = ({ type }: Part): boolean => type === "dynamic-tool" || type.startsWith("tool-")

/** The text fields that a part of the protocol must have. */
const required = (part: Part): ReadonlyArray<string> => {
  if (part.type === "text" || part.type === "reasoning") return ["text"]
  if (part.type === "file") return ["mediaType", "url"]
  if (part.type === "dynamic-tool") return ["toolCallId", "toolName", "state"]
  return isTool(part) ? ["toolCallId", "state"] : []
}

const hasApproval = ({ approval }: Part): boolean =>
  Predicate.isRecord(approval) &&
  typeof approval["id"] === "string" &&
  typeof approval["approved"] === "boolean"

const UiPart = RequestSnapshot.MessagePart.pipe(
  Schema.filter((part) => {
    const field = missing(part, required(part))
    if (field !== undefined) return { path: [field], message: "must be text" }
    return isTool(part) && part["state"] === "approval-responded" && !hasApproval(part)
      ? { path: ["approval"], message: "must have an `id`, and `approved` as true or false" }
      : undefined
  }),
)

/** A message of a page. */
const UiMessage = Schema.Struct({
  id: Ids.text(1024),
  role: Schema.Literal("system", "user", "assistant"),
  parts: Schema.Array(UiPart).pipe(atMost(maxParts)),
  metadata: Schema.optional(Schema.Unknown),
})

const Messages = Schema.Array(UiMessage).pipe(
  atMost(maxMessages),
  Schema.filter((messages) => messages.length > 0, { message: () => "must hold one message at least" }),
)

/** `id` names the conversation. Fields that are not named here are those of the page: they become the forwarded properties of the run. */
export const ChatRequest = Schema.Struct(
  {
    id: Ids.text(1024),
    messages: Messages,
    trigger: nullish(Schema.Literal("submit-message", "regenerate-message")),
    messageId: nullish(Schema.String),
  },
  { key: Schema.String, value: Schema.Unknown },
).annotations({ identifier: "ChatRequest" })
export type ChatRequest = typeof ChatRequest.Type
