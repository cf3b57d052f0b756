/**
 * The endpoints of AG-UI.
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Effect } from "effect"
import type { group } from "../../Api/AgUi.js"
import { lastEventIdHeader } from "../../Api/EventStream.js"
import * as ThreadNames from "../../agui/ThreadNames.js"
import * as Peer from "../../agui/Peer.js"
import { CurrentPrincipal } from "../../contract/Principal.js"
import * as Caller from "../Caller.js"
import * as TraceOfRequest from "../TraceOfRequest.js"
import * as Begin from "./Begin.js"
import * as Capabilities from "./Capabilities.js"
import * as Follow from "./Follow.js"
import * as RunNames from "./RunNames.js"
import * as Steer from "./Steer.js"
import * as Thread from "./Thread.js"

type Request<Name extends string> = HttpApiEndpoint.HttpApiEndpoint.Request<
  HttpApiEndpoint.HttpApiEndpoint.WithName<HttpApiGroup.HttpApiGroup.Endpoints<typeof group>, Name>
>

export const runAgent = ({ headers, path, payload, request, urlParams }: Request<"runAgent">) =>
  Effect.gen(function* () {
    const { projectId } = yield* CurrentPrincipal
    const thread = yield* Thread.make(projectId, ThreadNames.nameOf(payload))
    const ports = yield* Effect.catchTag(
      Caller.thread(["read", "write"], thread.conversationId),
      "ConversationNotFound",
      () => Thread.notFound(payload.threadId),
    )
    yield* Caller.submission({
      agentId: path.agent_id,
      conversationId: thread.conversationId,
      implementationKind: urlParams.implementation_kind,
      workerKey: urlParams.worker_key,
    })
    yield* Caller.answers(payload.resume ?? [])
    const { derived, input } = yield* RunNames.resolve(thread, payload)
    yield* Effect.forEach(input.warnings, (warning) => Effect.logWarning(`Run ${input.runId}: ${warning}`))
    if (yield* Steer.steer(ports, thread, input, path.agent_id)) return yield* Steer.respond(input)
    const begin = Begin.begin(ports, thread, input, {
      agentId: path.agent_id,
      derived,
      implementationKind: urlParams.implementation_kind,
      workerKey: urlParams.worker_key,
      traceContext: TraceOfRequest.of(request.headers),
      refusesBusy: urlParams.busy === "refuse",
    })
    return yield* Follow.respond({
      ports,
      detach: (urlParams.detach ?? false) || !(yield* Caller.mayStop),
      begin: Effect.map(begin, ({ from, runId }) => ({
        runId,
        from,
        as: { threadId: input.threadId, runId: input.runId },
        peer: Peer.of(input),
        after: headers[lastEventIdHeader] ?? 0,
      })),
    })
  })

export const capabilities = ({ path }: Request<"capabilities">) =>
  Effect.flatMap(Caller.ports, (ports) => Capabilities.ofAgent(ports, path.agent_id))
