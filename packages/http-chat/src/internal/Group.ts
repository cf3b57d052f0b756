/** Agents, as pages of the AI SDK have them: one address for each, for `useChat` with its `DefaultChatTransport`. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, RequestSnapshot } from "@runlease/core"
import { Authorization } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import { strict } from "@runlease/http/Strict"
import {
  atMost,
  EventStreamText,
  integerText,
  JsonBody,
  lastEventIdHeader,
  maxMessages,
  maxParts,
  nullish,
  orEmpty,
  StreamHeaders,
} from "@runlease/http/face/Endpoint"
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
    editedArgs: nullish(Schema.Record({ key: Schema.String, value: Schema.Unknown })).annotations({
      description: "(ours) The arguments as the user has edited them, by the ids of the approvals",
    }),
  },
  { key: Schema.String, value: Schema.Unknown },
).annotations({ identifier: "ChatRequest" })

/**
 * What a page of the AI SDK posts: its messages, and what of them is to be answered.
 *
 * Source: `HttpChatTransport` of npm `ai` 7.0.173
 */
export type ChatRequest = typeof ChatRequest.Type

const agentPath = Schema.Struct({ agent_id: Ids.NewAgentId })

const chatPath = Schema.Struct({ ...agentPath.fields, chat_id: Ids.text(1024) })

const Stop = Schema.Struct({
  activeStreamId: nullish(Schema.String),
  assistantMessage: nullish(Schema.Unknown),
})

/** `runIds`: the runs that were cancelled. */
export const ChatStopped = Schema.Struct({
  success: Schema.Boolean,
  stopped: Schema.Boolean,
  runIds: Schema.Array(Schema.String),
})

/** As many messages as a page gets that comes back: the newest. */
export const maxShown = 500

/** `messages`: oldest first. `omitted`: how many older ones the conversation has. */
export const ChatMessages = Schema.Struct({
  messages: Schema.Array(
    Schema.Struct({
      ...UiMessage.fields,
      id: Schema.String,
      parts: Schema.Array(RequestSnapshot.MessagePart),
    }),
  ),
  omitted: Schema.NonNegativeInt,
})

/** The major version of `ai` in the page. */
export const sdkHeader = "x-ai-sdk"

const Sdk = Schema.Struct({ [sdkHeader]: Schema.optional(Schema.Literal("5", "6", "7")) })

/** `traceparent` becomes the trace context of the run. */
const ChatHeaders = Schema.Struct({ ...Sdk.fields, traceparent: Schema.optional(Schema.String) })

export const group = HttpApiGroup.make("chat")
  .add(
    HttpApiEndpoint.post("sendMessages", "/chat/:agent_id")
      .setPath(agentPath)
      .setHeaders(ChatHeaders)
      .setPayload(ChatRequest)
      .addSuccess(EventStreamText)
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({
          summary: "Answer a page of the AI SDK",
          description:
            "Takes what `DefaultChatTransport` of npm `ai` posts, and answers with a UI message stream. `id` names the conversation; the same post again follows the same run. Answers to approvals, and outputs of tools of the page, let the run go on that waits for them. `regenerate-message` begins another run, and cancels what is unfinished in the conversation. Closing the stream cancels nothing. Fields other than those of the transport are the forwarded properties of the run.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("resumeStream", "/chat/:agent_id/:chat_id/stream")
      .setPath(chatPath)
      .setHeaders(Schema.Struct({ ...Sdk.fields, ...StreamHeaders.fields }))
      .setUrlParams(Schema.Struct({ after: Schema.optional(integerText(0, Number.MAX_SAFE_INTEGER)) }))
      .addSuccess(EventStreamText)
      .addSuccess(HttpApiSchema.NoContent)
      .annotateContext(
        OpenApi.annotations({
          summary: "Resume the stream of a page of the AI SDK",
          description: `The unfinished run of the conversation from its first chunk, and what comes, until it ends or waits for its page; 204 where there is none. \`after\` or \`${lastEventIdHeader}\` leaves out what a page has, for \`resumeStreamIsReplay: false\`: the id of an event of the stream.`,
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("messages", "/chat/:agent_id/:chat_id/messages")
      .setPath(chatPath)
      .setHeaders(Sdk)
      .addSuccess(ChatMessages)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read the messages of a page of the AI SDK",
          description: `The messages of the conversation, as \`useChat\` has them that followed it, for a page that comes back: those of the last request to the agent, and its answer once that has ended. An answer that is unfinished comes with the stream. The newest ${maxShown} messages, and as many bytes as a page can post.`,
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("stopChat", "/chat/:agent_id/:chat_id/stop")
      .setPath(chatPath)
      .setPayload(strict(orEmpty(Stop, {})))
      .addSuccess(ChatStopped)
      .annotateContext(
        OpenApi.annotations({
          summary: "Stop the chat of a page of the AI SDK",
          description:
            "Cancels the unfinished runs of the agent in the conversation, those that wait for their turn included. With `activeStreamId`, the `runId` in the metadata of a message, only while that run has its turn.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "AI SDK", description: "Agents for pages with `useChat` of the AI SDK." }),
  )
