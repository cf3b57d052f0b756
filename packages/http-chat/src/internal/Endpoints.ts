/**
 * The endpoints of a chat.
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Ids, Runs } from "@runlease/core"
import type { Refusal } from "@runlease/http/Refusal"
import { lastEventIdHeader } from "@runlease/http/face/Endpoint"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import type * as Face from "@runlease/http/face/Face"
import * as RawRequest from "@runlease/http/face/RawRequest"
import * as Thread from "@runlease/http/face/Thread"
import { Context, Effect } from "effect"
import { type ChatStopped, type group, sdkHeader } from "./Group.js"
import * as Restated from "./Restated.js"
import * as UiMessages from "./UiMessages.js"
import * as Begin from "./Begin.js"
import * as ChatCaller from "./ChatCaller.js"
import * as ChatStream from "./ChatStream.js"
import * as Input from "./Input.js"
import * as Part from "./Part.js"

type Request<Name extends string> = HttpApiEndpoint.HttpApiEndpoint.Request<
  HttpApiEndpoint.HttpApiEndpoint.WithName<HttpApiGroup.HttpApiGroup.Endpoints<typeof group>, Name>
>

const chatOf = (path: { readonly agent_id: Ids.AgentId; readonly chat_id: string }) => ({
  agentId: path.agent_id,
  chatId: path.chat_id,
  field: "chat_id" as const,
})

export const sendMessages = ({
  headers,
  path,
  payload,
  request,
}: Request<"sendMessages">): Face.Answer<Refusal> =>
  Effect.gen(function* () {
    const { mayStop, ports, thread } = yield* ChatCaller.writer({
      agentId: path.agent_id,
      chatId: payload.id,
      field: "id",
    })
    const input = yield* Input.make(thread, path.agent_id, payload, RawRequest.traceContext(request.headers))
    const begun = yield* Begin.begin(ports, thread, { ...input, mayStop })
    return yield* ChatStream.respond(
      ports,
      { messageId: input.messageId, version: headers[sdkHeader] },
      begun,
    )
  }).pipe(Effect.mapError(ErrorBody.encode))

export const resumeStream = ({ headers, path, urlParams }: Request<"resumeStream">): Face.Answer<Refusal> =>
  Effect.gen(function* () {
    const { ports, thread } = yield* ChatCaller.reader(chatOf(path))
    const { current } = yield* Thread.unfinished(ports, thread)
    if (current === undefined || current.agentId !== path.agent_id) {
      return HttpServerResponse.empty({ status: 204 })
    }
    const { runId } = current
    const { messages } = yield* Context.get(ports, Runs.Runs).snapshot(runId)
    const continuedIn = UiMessages.continuedIn(messages)
    return yield* ChatStream.respond(
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
        ...(continuedIn === undefined ? {} : { restated: Restated.chunks(continuedIn.parts) }),
      },
    )
  }).pipe(Effect.mapError(ErrorBody.encode))

export const stopChat = ({
  path,
  payload,
}: Request<"stopChat">): Effect.Effect<typeof ChatStopped.Type, Refusal, Face.Requirements> =>
  Effect.gen(function* () {
    const { ports, thread } = yield* ChatCaller.stopper(chatOf(path))
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
  }).pipe(Effect.mapError(ErrorBody.encode))
