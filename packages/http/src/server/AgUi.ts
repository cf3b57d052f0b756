import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Ids } from "@runlease/core"
import { Effect, Schema } from "effect"
import { Api } from "../Api.js"
import { lastEventIdHeader } from "../Api/EventStream.js"
import * as ThreadNames from "../agui/ThreadNames.js"
import * as Peer from "../agui/Peer.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import type { RunAgentInput } from "../Wire/RunAgentInput.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Begin from "./agui/Begin.js"
import * as Capabilities from "./agui/Capabilities.js"
import * as Follow from "./agui/Follow.js"
import * as Steer from "./agui/Steer.js"
import * as Thread from "./agui/Thread.js"
import * as Caller from "./Caller.js"
import * as TraceOfRequest from "./TraceOfRequest.js"

const isRunId = Schema.is(Ids.RunId)

/** The input without a parent that the caller does not reach, as without one that does not exist. */
const withOwnParent = ({ parentRunId, ...input }: RunAgentInput) =>
  isRunId(parentRunId)
    ? Effect.map(Caller.reaches(parentRunId), (isOwn) => (isOwn ? { ...input, parentRunId } : input))
    : Effect.succeed(input)

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
        yield* Caller.submission(
          {
            agentId: path.agent_id,
            conversationId: thread.conversationId,
            implementationKind: urlParams.implementation_kind,
            publicId: payload.runId,
            workerKey: urlParams.worker_key,
          },
          "runId",
        )
        yield* Caller.answers(payload.resume ?? [])
        yield* Effect.forEach(payload.warnings, (warning) =>
          Effect.logWarning(`Run ${payload.runId}: ${warning}`),
        )
        if (yield* Steer.steer(ports, thread, payload, path.agent_id)) return yield* Steer.respond(payload)
        const begin = Begin.begin(ports, thread, yield* withOwnParent(payload), {
          agentId: path.agent_id,
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
            as: { threadId: payload.threadId, runId: payload.runId },
            peer: Peer.of(payload),
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
