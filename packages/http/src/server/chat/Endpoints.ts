/**
 * The endpoints of a chat.
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Ids, Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import { type group, sdkHeader } from "../../Api/Chat.js"
import { lastEventIdHeader } from "../../Api/EventStream.js"
import * as Restated from "../../chat/Restated.js"
import * as UiMessages from "../../chat/UiMessages.js"
import * as Verdicts from "../../contract/Verdicts.js"
import * as History from "../agui/History.js"
import * as TraceOfRequest from "../TraceOfRequest.js"
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

export const sendMessages = ({ headers, path, payload, request }: Request<"sendMessages">) =>
  Effect.gen(function* () {
    const { mayStop, ports, thread } = yield* ChatCaller.writer({
      agentId: path.agent_id,
      chatId: payload.id,
      field: "id",
    })
    const input = yield* Input.make(thread, path.agent_id, payload, TraceOfRequest.of(request.headers))
    const begun = yield* Begin.begin(ports, thread, { ...input, mayStop })
    return yield* ChatStream.respond(
      ports,
      { messageId: input.messageId, version: headers[sdkHeader] },
      begun,
    )
  }).pipe(Effect.mapError(Verdicts.encode))

export const resumeStream = ({ headers, path, urlParams }: Request<"resumeStream">) =>
  Effect.gen(function* () {
    const { ports, thread } = yield* ChatCaller.reader(chatOf(path))
    const { current } = yield* History.unfinished(ports, thread)
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
  }).pipe(Effect.mapError(Verdicts.encode))

export const stopChat = ({ path, payload }: Request<"stopChat">) =>
  Effect.gen(function* () {
    const { ports, thread } = yield* ChatCaller.stopper(chatOf(path))
    const { current, queued } = yield* History.unfinished(ports, thread)
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
  }).pipe(Effect.mapError(Verdicts.encode))
