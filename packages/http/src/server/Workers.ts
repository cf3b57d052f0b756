import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Access, type Ids, Leases, RequestSnapshot, Run, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect, identity, Option, Redacted, Schema, Stream } from "effect"
import { Api } from "../Api.js"
import type { RenewManyOptions } from "../Api/Workers.js"
import { Worker } from "../Wire/Worker.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Caller from "./Caller.js"
import * as EventStream from "./EventStream.js"
import * as ListRows from "./ListRows.js"
import * as WorkerOperations from "./WorkerOperations.js"
import { Revocation, Shutdown } from "./LongRequests.js"

const statusOf = Schema.decodeUnknownOption(WorkerRegistry.WorkerStatus)

/** Renews leases of a worker; one answer for each, in their order. */
export const renewMany = (workerId: Ids.WorkerId, payload: typeof RenewManyOptions.Type) =>
  Effect.gen(function* () {
    const ports = yield* Caller.worker(workerId)
    const leases =
      payload.leases?.map((lease) => ({ runId: lease.run_id, epoch: lease.lease_epoch ?? null })) ??
      payload.run_ids?.map((runId) => ({ runId, epoch: null })) ??
      []
    const renewals = yield* Context.get(ports, Leases.Leases).renew({
      workerId,
      leases,
      leaseDuration: WorkerOperations.leaseOf(payload),
    })
    return { leases: renewals.map(toWire) }
  }).pipe(Effect.mapError(Verdicts.encode))

export const layer = HttpApiBuilder.group(Api, "workers", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const shutdown = yield* Shutdown
    const { unlessRevoked } = yield* Revocation

    return handlers
      .handle("register", ({ path, payload }) =>
        Effect.gen(function* () {
          const { keyId, ports, projectId } = yield* Caller.project(path.project_reference)
          const worker = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).register(payload)
          const token = yield* access.issueWorkerToken({ projectId, workerId: worker.id, issuedBy: keyId })
          return { worker, token: Redacted.value(token) }
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("workers", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          const page = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).list(urlParams)
          return yield* ListRows.respond(Worker, page, identity, ({ id }) => id, urlParams)
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("revokeTokens", ({ path }) =>
        Effect.gen(function* () {
          const { projectId } = yield* Caller.apiKey
          return { revoked: yield* access.revokeWorkerTokens({ projectId, workerId: path.worker_id }) }
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("heartbeat", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const worker = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).heartbeat(
            path.worker_id,
            Option.getOrUndefined(statusOf(payload.status)),
            payload.metadata ?? undefined,
          )
          return { worker, token: null }
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("claim", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const claiming = shutdown.unless(WorkerOperations.claim(ports, path.worker_id, payload))
          const claimed = yield* payload.wait_seconds ? unlessRevoked(claiming) : claiming
          const runs = Option.getOrElse(claimed, () => [])
          return { run: runs[0] ?? null, ...(payload.limit == null ? {} : { runs }) }
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("renew", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const [renewal] = yield* Context.get(ports, Leases.Leases).renew({
            workerId: path.worker_id,
            leases: [Caller.leaseOf(path, headers)],
            leaseDuration: WorkerOperations.leaseOf(payload),
          })
          if (renewal === undefined || renewal._tag === "Lost") return { run: null }
          const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
          return { run: Run.toClaimed(run, RequestSnapshot.empty) }
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("renewMany", ({ path, payload }) => renewMany(path.worker_id, payload))
      .handle("release", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          return yield* WorkerOperations.release(ports, Caller.leaseOf(path, headers), payload)
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("suspend", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          return yield* WorkerOperations.suspend(ports, Caller.leaseOf(path, headers), payload)
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("spawn", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const program = yield* Caller.program(path)
          const ports = program?.ports ?? (yield* Caller.worker(path.worker_id))
          const lease = program?.lease ?? Caller.leaseOf(path, headers)
          return yield* WorkerOperations.spawn(ports, lease, payload)
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("session", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const session = yield* Context.get(ports, Runs.Runs).recordSession(
            Caller.leaseOf(path, headers),
            payload,
          )
          return { session }
        }).pipe(Effect.mapError((error) => Verdicts.encode(error, "session"))),
      )
      .handleRaw("signals", ({ path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const signals = Context.get(ports, Leases.Leases).signals(path.worker_id)
          return yield* EventStream.respond(
            Stream.map(signals, (signal) => EventStream.frame(JSON.stringify(toWireSignal(signal)))),
          )
        }),
      )
  }),
)

const toWireSignal = (signal: Leases.LeaseSignal) => {
  switch (signal._tag) {
    case "Cancelled":
      return { type: "cancelled", run_id: signal.runId }
    case "MessageSent":
      return { type: "message", run_id: signal.runId, inbox: signal.inbox }
    case "Drain":
      return { type: "drain", drain: signal.drain }
  }
}

const toWire = (renewal: Leases.Renewal) => {
  switch (renewal._tag) {
    case "Renewed":
      return {
        run_id: renewal.runId,
        status: "held" as const,
        lease_expires_at: renewal.expiresAt,
        ...(renewal.inbox === undefined ? {} : { inbox: renewal.inbox }),
      }
    case "Cancelled":
      return { run_id: renewal.runId, status: "cancelled" as const, lease_expires_at: null }
    case "Lost":
      return { run_id: renewal.runId, status: "lost" as const, lease_expires_at: null }
  }
}
