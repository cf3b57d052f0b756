import { HttpApiBuilder, HttpTraceContext } from "@effect/platform"
import { WorkerRegistry } from "@runlease/core"
import { Context, Effect, Option } from "effect"
import { Api } from "../Api.js"
import { lastEventIdHeader } from "../Api/EventStream.js"
import * as ThreadNames from "../agui/ThreadNames.js"
import * as Peer from "../agui/Peer.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Begin from "./agui/Begin.js"
import * as Capabilities from "./agui/Capabilities.js"
import * as Follow from "./agui/Follow.js"
import * as Steer from "./agui/Steer.js"
import * as Thread from "./agui/Thread.js"
import * as Caller from "./Caller.js"

export const layer = HttpApiBuilder.group(Api, "agUi", (handlers) =>
  handlers
    .handle("runAgent", ({ headers, path, payload, request, urlParams }) =>
      Effect.gen(function* () {
        const { projectId } = yield* Caller.apiKey
        const ports = yield* Caller.ports
        yield* Effect.forEach(payload.warnings, (warning) =>
          Effect.logWarning(`Run ${payload.runId}: ${warning}`),
        )
        const thread = yield* Thread.make(projectId, ThreadNames.nameOf(payload))
        if (yield* Steer.steer(ports, thread, payload, path.agent_id)) return yield* Steer.respond(payload)
        const begin = Begin.begin(ports, thread, payload, {
          agentId: path.agent_id,
          implementationKind: urlParams.implementation_kind,
          workerKey: urlParams.worker_key,
          traceContext: Option.getOrUndefined(
            Option.map(HttpTraceContext.w3c(request.headers), ({ sampled, spanId, traceId }) => ({
              traceId,
              spanId,
              traceFlags: sampled ? 1 : 0,
            })),
          ),
          refusesBusy: urlParams.busy === "refuse",
        })
        return yield* Follow.respond({
          ports,
          detach: urlParams.detach ?? false,
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
      Effect.gen(function* () {
        const registry = Context.get(yield* Caller.ports, WorkerRegistry.WorkerRegistry)
        const workers = yield* registry.list({ limit: 100 })
        return Capabilities.of(path.agent_id, workers.items)
      }).pipe(Effect.mapError(Verdicts.encode)),
    ),
)
