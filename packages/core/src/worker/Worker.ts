/**
 * A worker: registers, claims as many runs as it has free slots, executes each under its lease, and drains when its
 * Scope closes.
 */
import {
  Cause,
  Clock,
  Config,
  Context,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Layer,
  Schedule,
  type Scope,
  Stream,
} from "effect"
import type { Executor } from "../executor/Executor.js"
import * as Ids from "../model/Ids.js"
import * as Meter from "../model/Meter.js"
import type { ClaimedRun } from "../model/Run.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { spreadBackoff, untilAvailable, withRetryAfter } from "../ports/ControlPlaneUnavailable.js"
import { Leases } from "../ports/Leases.js"
import { Runs } from "../ports/Runs.js"
import type { LeaseLoss, WorkerMetadata } from "../ports/WorkerMetadata.js"
import {
  type Metadata,
  type RegisteredWorker,
  type WorkerNotFound,
  WorkerRegistry,
  type WorkerStatus,
} from "../ports/WorkerRegistry.js"
import * as ClaimLoop from "./ClaimLoop.js"
import { detached } from "./Detached.js"
import * as DrainRequest from "./DrainRequest.js"
import * as EventFeed from "./EventFeed.js"
import * as LeaseRenewal from "./LeaseRenewal.js"
import * as OtherVersion from "./OtherVersion.js"
import * as OwnAgents from "./OwnAgents.js"
import * as RunRecords from "./RunRecords.js"
import * as WorkerEvent from "./WorkerEvent.js"
import * as WorkerHealth from "./WorkerHealth.js"
import * as WorkerLog from "./WorkerLog.js"
import * as WorkerMetrics from "./WorkerMetrics.js"
import { resolve, type Resolved, type WorkerOptions } from "./WorkerOptions.js"

/** What a worker has now. `inFlight`: its runs. `ahead`: how many of them wait for a slot. */
interface Holdings {
  readonly inFlight: number
  readonly ahead: number
  readonly losses: ReadonlyArray<LeaseLoss>
}

const nothing: Holdings = { inFlight: 0, ahead: 0, losses: [] }

/** What a worker says of itself in the registry. */
export const of = (
  options: WorkerOptions,
  { agentIds, concurrency, heartbeatInterval }: Resolved,
  { ahead, inFlight, losses }: Holdings = nothing,
): Metadata => {
  const runlease: WorkerMetadata = {
    version: options.program ?? options.version ?? null,
    agents: agentIds.length === 0 ? null : agentIds,
    slots: concurrency,
    in_use: inFlight - ahead,
    heartbeat_ms: Duration.toMillis(heartbeatInterval),
    ...(ahead === 0 ? {} : { ahead }),
    ...(options.forms === undefined ? {} : { forms: options.forms }),
    ...(losses.length === 0 ? {} : { losses }),
  }
  return { ...(agentIds.length === 0 ? {} : { agent_ids: agentIds }), ...options.metadata, runlease }
}

/** Why a worker cannot go on: its control plane refuses it, or no longer has its registration. */
export type WorkerError = ControlPlaneError | WorkerNotFound

export class Worker extends Context.Tag("@runlease/core/Worker")<
  Worker,
  {
    readonly registered: RegisteredWorker

    /** The last 64 events, then new ones until the worker has drained. A slow reader loses the oldest. */
    readonly events: Stream.Stream<WorkerEvent.WorkerEvent>

    /** The runs that the worker holds now. */
    readonly inFlight: Effect.Effect<ReadonlyArray<ClaimedRun>>

    /** Whether it consumes runs now, for a probe. */
    readonly health: Effect.Effect<WorkerHealth.WorkerHealth>

    /** Fails when the worker cannot go on. Never ends otherwise. */
    readonly failed: Effect.Effect<never, WorkerError>
  }
>() {}

const patience = withRetryAfter(spreadBackoff("500 millis", "5 seconds"))

/** A stream of signals that has lasted begins anew. Nothing waits for it: renewals report a cancellation too. */
const reconnection = Schedule.resetAfter(withRetryAfter(spreadBackoff("1 second", "5 seconds")), "30 seconds")

const isTransient = (error: WorkerError): boolean =>
  error._tag === "ControlPlaneUnavailable" && error.retryable

/** Retries while the control plane is unavailable, and logs each failure. */
const retryLogged = <A, R>(effect: Effect.Effect<A, WorkerError, R>): Effect.Effect<A, WorkerError, R> =>
  untilAvailable(patience)(
    Effect.tapError(effect, (error) =>
      isTransient(error) ? Effect.logWarning(`${error.message}; trying again`) : Effect.void,
    ),
  )

/** The version of workers that name none. A variable that cannot be read is none. */
const versionOfEnvironment = Config.nonEmptyString("RUNLEASE_VERSION").pipe(
  Effect.orElseSucceed(() => undefined),
)

/** `observe` gets each event of a run. */
const makeObserved = Effect.fnUntraced(function* (
  requested: WorkerOptions,
  observe?: (event: WorkerEvent.WorkerEvent) => void,
): Effect.fn.Return<Context.Tag.Service<Worker>, WorkerError, Executor | ProjectPorts | Scope.Scope> {
  const own = yield* OwnAgents.resolve(requested)
  const workerOptions = own.version === undefined ? { ...own, version: yield* versionOfEnvironment } : own
  const options = resolve(workerOptions)
  yield* Meter.register(WorkerMetrics.all)
  const registry = yield* WorkerRegistry
  const runs = yield* Runs
  const leases = yield* Leases
  const feed = yield* Effect.acquireRelease(
    Effect.sync(() => EventFeed.make<WorkerEvent.WorkerEvent>({ replay: 64, capacity: 1024 })),
    ({ end }) => Effect.sync(end),
  )

  const registered = yield* retryLogged(
    registry.register({
      implementationKind: options.implementationKind,
      workerKey: workerOptions.workerKey ?? (yield* Ids.uuidV7),
      version: workerOptions.version,
      displayName: workerOptions.displayName,
      metadata: of(workerOptions, options),
    }),
  )
  feed.publish(WorkerEvent.Registered({ worker: registered }))

  const losses = LeaseRenewal.lostLeases(yield* Effect.clock)
  const startPause = ClaimLoop.makeStartPause()
  const records = yield* RunRecords.make(options, {
    id: registered.id,
    otherVersion: OtherVersion.make(registry, runs, registered),
    publish: (event) => {
      startPause.observe(event)
      if (event._tag === "LeaseEnded") losses.observe(event, records.renewalFailures())
      observe?.(event)
      feed.publish(event)
    },
  })
  const drainRequest = yield* DrainRequest.make
  const claimLoop = yield* ClaimLoop.make(options, {
    id: registered.id,
    records,
    startPause,
    drainRequest,
  })

  let draining = false
  let drainSignals = 0
  // A worker that shuts down announces that once only: another process may take over under the same key meanwhile.
  const beat: Effect.Effect<void, WorkerError> = Effect.suspend(() => {
    const before = drainSignals
    const beating = draining
      ? registry.heartbeat(registered.id)
      : registry.heartbeat(
          registered.id,
          drainRequest.isRequested() ? "draining" : "active",
          of(workerOptions, options, {
            inFlight: records.all().length,
            ahead: records.waiting(),
            losses: losses.all(),
          }),
        )
    // A signal that came meanwhile may be newer than this answer.
    return Effect.flatMap(beating, ({ drain }) => (before === drainSignals ? takeDrain(drain) : Effect.void))
  }).pipe(Effect.catchIf(isTransient, (error) => Effect.logWarning(`Heartbeat failed: ${error.message}`)))
  // The control plane shows at once that the worker knows of it.
  const takeDrain = (requested: boolean): Effect.Effect<void, WorkerError> =>
    Effect.suspend(() => {
      if (draining || !drainRequest.set(requested)) return Effect.void
      feed.publish(WorkerEvent.DrainRequested({ requested, inFlight: records.all().length }))
      if (requested) records.letWaitingGo()
      return beat
    })
  const announce = (status: WorkerStatus) =>
    registry.heartbeat(registered.id, status).pipe(Effect.timeout("2 seconds"), Effect.ignore)
  const followSignals = leases.signals(registered.id).pipe(
    Stream.runForEach((signal) =>
      Effect.suspend(() => {
        if (signal._tag === "Drain") {
          drainSignals += 1
          return takeDrain(signal.drain)
        }
        for (const record of records.all()) {
          if (record.run.runId !== signal.runId) continue
          if (signal._tag === "Cancelled") records.endLease(record, signal._tag)
          else record.sink.received(signal.inbox)
        }
        return Effect.void
      }),
    ),
    Effect.retry({ schedule: reconnection, while: isTransient }),
  )
  const drain = Effect.gen(function* () {
    feed.publish(WorkerEvent.Draining({ inFlight: records.all().length }))
    draining = true
    const announced = yield* Effect.fork(announce("draining"))
    yield* Effect.all([records.drain, claimLoop.handBack], { concurrency: 2, discard: true })
    yield* Fiber.join(announced)
    yield* announce("ended")
  })
  // When one of the worker's fibers fails, the worker fails for the same reason.
  const failure = yield* Deferred.make<never, WorkerError>()
  const failing = <R>(effect: Effect.Effect<unknown, WorkerError, R>) =>
    Effect.onError(effect, (cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Deferred.failCause(failure, cause),
    )

  // The Scope closes in reverse order: the claims stop, then the records drain, then renewals, signals and heartbeats end.
  yield* Effect.forkScoped(failing(Effect.forever(Effect.delay(beat, options.heartbeatInterval))))
  yield* Effect.forkScoped(failing(followSignals))
  yield* Effect.addFinalizer(() => detached(drain))
  yield* Effect.forkScoped(failing(Effect.forever(retryLogged(claimLoop.round))))

  const claimLimit = Duration.unsafeToNanos(WorkerHealth.claimLimit(options.claimWait))
  const health = Effect.map(Clock.currentTimeNanos, (now) => {
    if (records.isRenewalOverdue(now)) {
      return WorkerHealth.LeaseUnrenewed({ failure: records.renewalFailures()?.message })
    }
    if (draining || drainRequest.isRequested()) return WorkerHealth.Draining()
    const since = claimLoop.unansweredSince()
    return since !== undefined && now - since > claimLimit
      ? WorkerHealth.ClaimUnanswered({ duration: Duration.nanos(now - since) })
      : WorkerHealth.Ready()
  })

  return {
    registered,
    health,
    events: feed.events,
    inFlight: Effect.sync(() => records.all().map(({ run }) => run)),
    failed: Deferred.await(failure),
  }
})

/**
 * Starts a worker in the Scope. It is registered when this ends. Its fibers belong to the Scope, and closing the Scope
 * drains it: the worker claims no more, runs may go on for `drainTimeout`, then their executors are interrupted and the
 * runs handed back at once with their attempts not counted. It logs nothing of its runs, as `run` does: see `events`.
 */
export const make = (
  options: WorkerOptions = {},
): Effect.Effect<Context.Tag.Service<Worker>, WorkerError, Executor | ProjectPorts | Scope.Scope> =>
  makeObserved(options)

/** The events of the worker in the context: the last 64, then new ones until it has drained. */
export const events: Stream.Stream<WorkerEvent.WorkerEvent, never, Worker> = Stream.unwrap(
  Effect.map(Worker, (worker) => worker.events),
)

/** The runs that the worker in the context holds: now, and after each change. */
export const inFlight: Stream.Stream<ReadonlyArray<ClaimedRun>, never, Worker> = Stream.unwrap(
  Effect.map(Worker, (worker) =>
    Stream.concat(
      Stream.fromEffect(worker.inFlight),
      Stream.mapEffect(worker.events, () => worker.inFlight),
    ),
  ),
)

/**
 * Runs a worker until it cannot go on or is interrupted, which drains it. Registers again when the control plane no
 * longer has its registration. Logs when it has registered, and what becomes of its runs: 20 lines in ten seconds at most, 20 more for
 * failures and for runs of workers that died, and a count of the rest.
 */
export const run = (
  options: WorkerOptions = {},
): Effect.Effect<never, ControlPlaneError, Executor | ProjectPorts> =>
  WorkerLog.make.pipe(
    Effect.flatMap((observe) => makeObserved(options, observe)),
    Effect.tap(({ registered }) => WorkerLog.started(registered, options)),
    Effect.flatMap((worker) => worker.failed),
    Effect.scoped,
    Effect.tapErrorTag("WorkerNotFound", (error) => Effect.logWarning(error.message)),
    Effect.retry({ schedule: patience, while: (error) => error._tag === "WorkerNotFound" }),
    Effect.catchTag("WorkerNotFound", Effect.die),
  )

/** A worker that runs for as long as the layer lives. */
export const layerWith = (
  options: WorkerOptions,
): Layer.Layer<Worker, WorkerError, Executor | ProjectPorts> => Layer.scoped(Worker, make(options))

/** As `layerWith`, with every option as it is when absent. */
export const layer: Layer.Layer<Worker, WorkerError, Executor | ProjectPorts> = layerWith({})
