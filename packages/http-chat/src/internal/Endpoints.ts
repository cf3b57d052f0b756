/**
 * The endpoints of a chat.
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type BrowserToken, type Ids, RunLog, Runs } from "@runlease/core"
import { CurrentPrincipal } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import * as Caller from "@runlease/http/face/Caller"
import type { Ports } from "@runlease/http/face/Caller"
import { lastEventIdHeader } from "@runlease/http/face/Endpoint"
import type { PortError } from "@runlease/http/face/ErrorBody"
import * as EventStream from "@runlease/http/face/EventStream"
import type * as Face from "@runlease/http/face/Face"
import * as RawRequest from "@runlease/http/face/RawRequest"
import * as Thread from "@runlease/http/face/Thread"
import { Context, Effect } from "effect"
import * as Begin from "./Begin.js"
import type { Begun } from "./Begin.js"
import * as ChatView from "./ChatView.js"
import * as Chunk from "./Chunk.js"
import { type ChatStopped, type group, sdkHeader } from "./Group.js"
import * as Input from "./Input.js"
import type * as OlderSdk from "./OlderSdk.js"
import * as Part from "./Part.js"
import * as Restated from "./Restated.js"
import * as UiMessages from "./UiMessages.js"

// The callers of the routes of a chat: an API key, or a page whose token has the scope, is bound to the conversation, and is for the agent.
//
// Source: docs/decisions/0109-tokens-for-browsers.md

/** The chat of an agent, as the path or the body of a request names it in that field. */
interface Named {
  readonly agentId: Ids.AgentId
  readonly chatId: string
  readonly field: "id" | "chat_id"
}

/** `mayStop`: whether the caller may stop the runs of the chat. */
interface Opened {
  readonly ports: Caller.Ports
  readonly thread: Thread.Thread
  readonly mayStop: boolean
}

const notFound = ({ chatId, field }: Named) =>
  Refusal.make(404, "chat_not_found", `Chat ${chatId} does not exist for this token, which is for another`, {
    field,
  })

const open = (scopes: ReadonlyArray<BrowserToken.Scope>) =>
  Effect.fnUntraced(function* (
    named: Named,
  ): Effect.fn.Return<Opened, Refusal.Refusal | PortError, Face.Requirements> {
    const { projectId } = yield* CurrentPrincipal
    const thread = yield* Thread.make(projectId, named.chatId)
    const ports = yield* Effect.catchTag(
      Caller.thread(scopes, thread.conversationId),
      "ConversationNotFound",
      () => notFound(named),
    )
    yield* Caller.agent(named.agentId)
    return { ports, thread, mayStop: yield* Caller.mayStop }
  })

/** For `GET /chat/{agent_id}/{chat_id}/stream` and `…/messages`. */
export const reader = open(["read"])

/** For `POST /chat/{agent_id}`, which shows what it writes to. */
const writer = open(["read", "write"])

/** For `POST /chat/{agent_id}/{chat_id}/stop`. */
const stopper = open(["stop"])

// The UI message stream of a run, as it grows.

/** As `UI_MESSAGE_STREAM_HEADERS` of npm `ai` has it. */
const headers = { "x-vercel-ai-ui-message-stream": "v1" }

/** `after`: what comes up to this event is not sent. `version`: of the SDK of the page. */
interface Page {
  readonly messageId: string
  readonly after?: number
  readonly version: OlderSdk.Version | undefined
}

/** Answers with a part of a run, as the message of that id. */
const respond = (
  ports: Ports,
  { messageId, after = 0, version }: Page,
  { answered, from, goesOn, passed, restated, runId }: Begun,
): Face.Answer =>
  EventStream.respondWithView(
    Context.get(ports, RunLog.RunLog),
    {
      runId,
      as: { runId, threadId: "" },
      from,
      peer: "current",
      after,
      form: {
        key: JSON.stringify(["chat", messageId, goesOn, passed, version]),
        fold: (toEvent) =>
          ChatView.fold(
            { runId, messageId, goesOn, answered, version, ...(restated === undefined ? {} : { restated }) },
            { toEvent },
          ),
        json: Chunk.encode,
        passed,
      },
    },
    // A page would take the end of a stream for the end of the answer.
    { headers, cuts: true },
  )

export type Request<Name extends string> = HttpApiEndpoint.HttpApiEndpoint.Request<
  HttpApiEndpoint.HttpApiEndpoint.WithName<HttpApiGroup.HttpApiGroup.Endpoints<typeof group>, Name>
>

export const chatOf = (path: { readonly agent_id: Ids.AgentId; readonly chat_id: string }) => ({
  agentId: path.agent_id,
  chatId: path.chat_id,
  field: "chat_id" as const,
})

export const sendMessages = ({
  headers,
  path,
  payload,
  request,
}: Request<"sendMessages">): Face.Answer<Face.Failure> =>
  Effect.gen(function* () {
    const { mayStop, ports, thread } = yield* writer({
      agentId: path.agent_id,
      chatId: payload.id,
      field: "id",
    })
    const input = yield* Input.make(thread, path.agent_id, payload, RawRequest.traceContext(request.headers))
    const begun = yield* Begin.begin(ports, thread, { ...input, mayStop })
    return yield* respond(ports, { messageId: input.messageId, version: headers[sdkHeader] }, begun)
  })

export const resumeStream = ({
  headers,
  path,
  urlParams,
}: Request<"resumeStream">): Face.Answer<Face.Failure> =>
  Effect.gen(function* () {
    const { ports, thread } = yield* reader(chatOf(path))
    const { current } = yield* Thread.unfinished(ports, thread)
    if (current === undefined || current.agentId !== path.agent_id) {
      return HttpServerResponse.empty({ status: 204 })
    }
    const { runId } = current
    const { messages } = yield* Context.get(ports, Runs.Runs).snapshot(runId)
    const continuedIn = UiMessages.continuedIn(messages)
    return yield* respond(
      ports,
      {
        messageId: continuedIn?.id ?? Input.answerId(runId),
        after: urlParams.after ?? headers[lastEventIdHeader] ?? 0,
        version: headers[sdkHeader],
      },
      {
        ...(yield* Part.standing(ports, current)),
        runId,
        from: Part.start,
        goesOn: false,
        ...(continuedIn === undefined ? {} : { restated: Restated.chunksOf(continuedIn.parts) }),
      },
    )
  })

export const stopChat = ({
  path,
  payload,
}: Request<"stopChat">): Effect.Effect<typeof ChatStopped.Type, Face.Failure, Face.Requirements> =>
  Effect.gen(function* () {
    const { ports, thread } = yield* stopper(chatOf(path))
    const { current, queued } = yield* Thread.unfinished(ports, thread)
    const { activeStreamId = null } = payload
    const isOther = activeStreamId !== null && activeStreamId !== current?.runId
    // Those behind go first, so that none of them begins.
    const open = (isOther || current === undefined ? [] : [...queued.toReversed(), current]).filter(
      ({ agentId }) => agentId === path.agent_id,
    )
    const cancelled = yield* Effect.forEach(open, ({ runId }) =>
      Effect.map(Context.get(ports, Runs.Runs).cancel(runId), (one) => (one.cancelled ? [runId] : [])),
    )
    const runIds = cancelled.flat().toReversed()
    return { success: true, stopped: runIds.length > 0, runIds }
  })
