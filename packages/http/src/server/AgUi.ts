import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../Api.js"
import { lastEventIdHeader } from "../Api/EventStream.js"
import * as ThreadNames from "../agui/ThreadNames.js"
import * as Peer from "../agui/Peer.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Begin from "./agui/Begin.js"
import * as Capabilities from "./agui/Capabilities.js"
import * as Follow from "./agui/Follow.js"
import * as RunNames from "./agui/RunNames.js"
import * as Steer from "./agui/Steer.js"
import * as Thread from "./agui/Thread.js"
import * as Caller from "./Caller.js"
import * as TraceOfRequest from "./TraceOfRequest.js"

export const layer = HttpApiBuilder.group(Api, "agUi", (handlers) =>
  handlers
    .handle("runAgent", ({ headers, path, payload, request, urlParams }) =>
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
        yield* Effect.forEach(input.warnings, (warning) =>
          Effect.logWarning(`Run ${input.runId}: ${warning}`),
        )
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
            seen: headers[lastEventIdHeader] ?? 0,
          })),
        })
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("capabilities", ({ path }) =>
      Effect.flatMap(Caller.ports, (ports) => Capabilities.ofAgent(ports, path.agent_id)).pipe(
        Effect.mapError(Verdicts.encode),
      ),
    ),
)
