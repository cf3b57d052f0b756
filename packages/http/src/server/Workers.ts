import { HttpApiBuilder } from "@effect/platform"
import { Access, Claims, Leases, Run, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Duration, Effect, Option, Redacted, Stream } from "effect"
import { Api } from "../Api.js"
import { defaultLeaseSeconds } from "../Api/Workers.js"
import { pageInfo } from "../Wire.js"
import * as Caller from "./Caller.js"
import { Closing } from "./Closing.js"
import * as EventStream from "./EventStream.js"
import * as Refusals from "./Refusals.js"

const leaseOf = (payload: { readonly lease_duration_seconds?: number | null | undefined }) =>
  Duration.seconds(payload.lease_duration_seconds ?? defaultLeaseSeconds)

export const layer = HttpApiBuilder.group(Api, "workers", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const closing = yield* Closing

    return handlers
      .handle("register", ({ path, payload }) =>
        Effect.gen(function* () {
          const { ports, projectId } = yield* Caller.project(path.project_reference)
          const worker = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).register(payload)
          const token = yield* access.issueWorkerToken({ projectId, workerId: worker.id })
          return { worker, token: Redacted.value(token) }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("workers", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          const page = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).list(urlParams)
          return { data: page.items, page_info: pageInfo(urlParams.cursor, page.next) }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("heartbeat", ({ path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const worker = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).heartbeat(path.worker_id)
          return { worker, token: null }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("claim", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const claimed = yield* closing.unless(
            Context.get(ports, Claims.Claims).claim({
              workerId: path.worker_id,
              limit: payload.limit ?? 1,
              leaseDuration: leaseOf(payload),
              wait: Duration.seconds(payload.wait_seconds ?? 0),
              agentIds: payload.agent_ids ?? undefined,
            }),
          )
          const runs = Option.getOrElse(claimed, () => [])
          return { run: runs[0] ?? null, ...(payload.limit == null ? {} : { runs }) }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("renew", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const [renewal] = yield* Context.get(ports, Leases.Leases).renew({
            workerId: path.worker_id,
            leases: [{ runId: path.run_id, epoch: Caller.epochOf(headers) }],
            leaseDuration: leaseOf(payload),
          })
          if (renewal === undefined || renewal._tag === "Lost") return { run: null }
          const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
          return { run: Run.toClaimed(run, null) }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("renewMany", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const leases =
            payload.leases?.map((lease) => ({ runId: lease.run_id, epoch: lease.lease_epoch ?? null })) ??
            payload.run_ids?.map((runId) => ({ runId, epoch: null })) ??
            []
          const renewals = yield* Context.get(ports, Leases.Leases).renew({
            workerId: path.worker_id,
            leases,
            leaseDuration: leaseOf(payload),
          })
          return { leases: renewals.map(toWire) }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("release", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          yield* Context.get(ports, Leases.Leases).release(
            { runId: path.run_id, workerId: path.worker_id, epoch: Caller.epochOf(headers) },
            {
              reason: payload.reason ?? undefined,
              delay: Duration.seconds(payload.delay_seconds ?? 0),
              countAttempt: payload.count_attempt ?? false,
            },
          )
          return { released: true as const }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("suspend", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          yield* Context.get(ports, Leases.Leases).suspend(
            { runId: path.run_id, workerId: path.worker_id, epoch: Caller.epochOf(headers) },
            {
              toolCallId: payload.tool_call_id,
              toolName: payload.tool_name,
              expiresAfter:
                payload.expires_in_seconds == null ? undefined : Duration.seconds(payload.expires_in_seconds),
            },
          )
          return { suspended: true as const }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("session", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const session = yield* Context.get(ports, Runs.Runs).recordSession(
            { runId: path.run_id, workerId: path.worker_id, epoch: Caller.epochOf(headers) },
            payload,
          )
          return { session }
        }).pipe(
          Effect.catchTag("RunEnded", (error) => Effect.fail(Refusals.ended(error))),
          Effect.mapError(Refusals.of),
        ),
      )
      .handleRaw("signals", ({ path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const signals = Context.get(ports, Leases.Leases).signals(path.worker_id)
          return yield* EventStream.respond(
            Stream.map(signals, (signal) => EventStream.frame({ type: "cancelled", run_id: signal.runId })),
          )
        }),
      )
  }),
)

const toWire = (renewal: Leases.Renewal) => {
  switch (renewal._tag) {
    case "Held":
      return { run_id: renewal.runId, status: "held" as const, lease_expires_at: renewal.expiresAt }
    case "Cancelled":
      return { run_id: renewal.runId, status: "cancelled" as const, lease_expires_at: null }
    case "Lost":
      return { run_id: renewal.runId, status: "lost" as const, lease_expires_at: null }
  }
}
