import { HttpApiBuilder, HttpTraceContext } from "@effect/platform"
import { Run, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Option } from "effect"
import { Api } from "../Api.js"
import { lastEventIdHeader } from "../Api/EventStream.js"
import * as ThreadNames from "../agui/ThreadNames.js"
import * as Peer from "../agui/Peer.js"
import * as BusyThread from "./agui/BusyThread.js"
import * as Capabilities from "./agui/Capabilities.js"
import * as Follow from "./agui/Follow.js"
import * as Resume from "./agui/Resume.js"
import * as Submit from "./agui/Submit.js"
import * as Thread from "./agui/Thread.js"
import * as Caller from "./Caller.js"
import * as Refusals from "./Refusals.js"
import * as RunStream from "./RunStream.js"

export const layer = HttpApiBuilder.group(Api, "agUi", (handlers) => {
  const stream = RunStream.make()

  return handlers
    .handle("runAgent", ({ headers, path, payload, request, urlParams }) =>
      Effect.gen(function* () {
        const { projectId } = yield* Caller.apiKey
        const ports = yield* Caller.ports
        yield* Effect.forEach(payload.warnings, (warning) =>
          Effect.logWarning(`Run ${payload.runId}: ${warning}`),
        )
        const thread = yield* Thread.make(projectId, ThreadNames.nameOf(payload))
        const agentId = path.agent_id
        const submitted = Submit.submit(ports, thread, payload, {
          agentId,
          implementationKind: urlParams.implementation_kind,
          workerKey: urlParams.worker_key,
          traceContext: Option.getOrUndefined(
            Option.map(HttpTraceContext.w3c(request.headers), ({ sampled, spanId, traceId }) => ({
              traceId,
              spanId,
              traceFlags: sampled ? 1 : 0,
            })),
          ),
        })
        const submit = Effect.map(
          urlParams.busy === "refuse"
            ? BusyThread.unlessBusy(ports, thread, payload.runId, submitted)
            : submitted,
          ({ runId }): Resume.Resumed => ({ runId, from: Run.EventId.make(0) }),
        )
        const begin = Option.match(Resume.answersOf(payload.resume), {
          onNone: () => submit,
          onSome: (answers) =>
            Effect.flatMap(
              Resume.resume(ports, thread, agentId, answers),
              Option.match({ onNone: () => submit, onSome: Effect.succeed }),
            ),
        })
        return yield* Follow.respond({
          ports,
          stream,
          detach: urlParams.detach ?? false,
          begin: Effect.map(begin, ({ from, runId }) => ({
            runId,
            from,
            as: { threadId: payload.threadId, runId: payload.runId },
            peer: Peer.of(payload),
            seen: headers[lastEventIdHeader] ?? 0,
          })),
        })
      }).pipe(Effect.mapError(Refusals.of)),
    )
    .handle("capabilities", ({ path }) =>
      Effect.gen(function* () {
        const registry = Context.get(yield* Caller.ports, WorkerRegistry.WorkerRegistry)
        const workers = yield* registry.list({ limit: 100 })
        return Capabilities.of(path.agent_id, workers.items)
      }).pipe(Effect.mapError(Refusals.of)),
    )
})
