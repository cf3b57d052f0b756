/**
 * A worker: registers, claims as many runs as it has free slots, works on each in a Scope of its own, and drains
 * when its own Scope closes.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import {
  Cause,
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  FiberSet,
  Layer,
  Option,
  PubSub,
  Random,
  Stream,
} from "effect"
import { Claims } from "./Claims.js"
import { backoff, type ControlPlaneUnavailable, heeding } from "./ControlPlaneUnavailable.js"
import type { ProjectPorts } from "./ControlPlane.js"
import { Executor } from "./Executor.js"
import { apart } from "./Finalizing.js"
import * as Ids from "./Ids.js"
import * as Lease from "./Lease.js"
import { Leases } from "./Leases.js"
import type { ClaimedRun } from "./Run.js"
import * as RunExecution from "./RunExecution.js"
import * as WorkerEvent from "./WorkerEvent.js"
import { resolve, type WorkerOptions } from "./WorkerOptions.js"
import type { RegisteredWorker, WorkerNotFound } from "./WorkerRegistry.js"
import { WorkerRegistry } from "./WorkerRegistry.js"

/** Why a worker cannot go on: its control plane refused it, or does not know it any more. */
export type WorkerError = ControlPlaneUnavailable | WorkerNotFound

export class Worker extends Context.Tag("@runlease/core/Worker")<
  Worker,
  {
    readonly registered: RegisteredWorker

    /** What the worker did last, 64 events at most, and what it does until it has drained; a slow reader loses the oldest. */
    readonly events: Stream.Stream<WorkerEvent.WorkerEvent>

    /** The runs it holds now. */
    readonly inFlight: Effect.Effect<ReadonlyArray<ClaimedRun>>

    /** Fails when the worker cannot go on; never ends otherwise. */
    readonly failed: Effect.Effect<never, WorkerError>
  }
>() {}

const patience = heeding(backoff("200 millis", "5 seconds"))

const transient = (error: WorkerError): boolean => error._tag === "ControlPlaneUnavailable" && error.retryable

/** Tries again, saying so, until the control plane answers. */
const untilHeard = <A, R>(effect: Effect.Effect<A, WorkerError, R>): Effect.Effect<A, WorkerError, R> =>
  effect.pipe(
    Effect.tapError((error) =>
      transient(error) ? Effect.logWarning(`${error.message}; trying again`) : Effect.void,
    ),
    Effect.retry({ schedule: patience, while: transient }),
  )

/** Give or take a fifth, so that workers started together do not poll together. */
const jittered = (duration: Duration.Duration): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.nextRange(0.8, 1.2), (factor) =>
    Duration.millis(Math.round(Duration.toMillis(duration) * factor)),
  )

/** A worker's held runs, and the end of each. */
interface Slot {
  readonly run: ClaimedRun
  readonly lease: Lease.Lease
}

/**
 * Starts a worker in the Scope. It is registered when this ends; its fibers belong to the Scope, and closing it
 * drains: nothing more is claimed, runs may go on for `drainTimeout`, then executors are interrupted and their
 * runs handed back at once, attempts not counted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  workerOptions: WorkerOptions = {},
): Effect.fn.Return<Context.Tag.Service<Worker>, WorkerError, Executor | ProjectPorts | Scope.Scope> {
  const options = resolve(workerOptions)
  const registry = yield* WorkerRegistry
  const claims = yield* Claims
  const leases = yield* Leases
  // The end is a message too, so that a listener hears all that came before it.
  const events = yield* Effect.acquireRelease(
    PubSub.sliding<Option.Option<WorkerEvent.WorkerEvent>>({ capacity: 1024, replay: 64 }),
    (told) => PubSub.publish(told, Option.none()),
  )
  const tell = (event: WorkerEvent.WorkerEvent) => PubSub.publish(events, Option.some(event))

  const registered = yield* untilHeard(
    registry.register({
      implementationKind: options.implementationKind,
      workerKey: workerOptions.workerKey ?? (yield* Ids.uuidV7),
      displayName: workerOptions.displayName,
      metadata: workerOptions.metadata,
    }),
  )
  yield* tell(WorkerEvent.Registered({ worker: registered }))
  const workerId = registered.id

  const keeper = yield* Lease.makeKeeper({ workerId, leaseDuration: options.leaseDuration })
  const fibers = yield* FiberSet.make<void>()
  const failure = yield* Deferred.make<never, WorkerError>()
  const slots = new Set<Slot>()
  const slotFreed = yield* Effect.makeLatch(false)
  let taken = 0
  const freeSlot = Effect.suspend(() => {
    taken -= 1
    return slotFreed.open
  })

  const hold = (run: ClaimedRun, sentAt: bigint) =>
    Effect.tap(keeper.hold(run, sentAt), (lease) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const slot: Slot = { run, lease }
          slots.add(slot)
          return slot
        }),
        (slot) => Effect.sync(() => slots.delete(slot)),
      ),
    )

  const work = (run: ClaimedRun, sentAt: bigint) =>
    hold(run, sentAt).pipe(
      Effect.zipLeft(tell(WorkerEvent.Claimed({ run }))),
      Effect.flatMap((lease) => Effect.interruptible(RunExecution.execute(run, lease, options))),
      Effect.scoped,
      // Told when it is held no more, so that a listener who looks finds it gone.
      Effect.flatMap(tell),
      Effect.annotateLogs("run_id", run.runId),
    )

  // From the answer of a claim to the forks of its runs nothing can interrupt, so no claimed run is forgotten.
  const claimRound = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      yield* slotFreed.close
      const free = options.concurrency - taken
      if (free <= 0) return yield* restore(slotFreed.await)
      const sentAt = yield* Clock.currentTimeNanos
      const claimed = yield* restore(
        claims.claim({
          workerId,
          limit: Math.min(free, 100),
          leaseDuration: options.leaseDuration,
          wait: options.claimWait,
          agentIds: options.agentIds,
        }),
      )
      taken += claimed.length
      yield* Effect.forEach(
        claimed,
        (run) => FiberSet.run(fibers, Effect.ensuring(work(run, sentAt), freeSlot)),
        { discard: true },
      )
      // A control plane that cannot wait answers at once; then the waiting is done here.
      const waited = Duration.nanos((yield* Clock.currentTimeNanos) - sentAt)
      if (claimed.length === 0 && Duration.lessThan(waited, options.pollInterval)) {
        yield* restore(Effect.flatMap(jittered(options.pollInterval), Effect.sleep))
      }
    }),
  )

  const heartbeat = Effect.delay(
    Effect.catchTag(registry.heartbeat(workerId), "ControlPlaneUnavailable", (error) =>
      Effect.logWarning(`Heartbeat failed: ${error.message}`),
    ),
    options.heartbeatInterval,
  )
  const heed = leases.signals(workerId).pipe(
    Stream.runForEach((signal) =>
      Effect.forEach(
        Array.from(slots).filter((slot) => slot.run.runId === signal.runId),
        ({ lease }) => lease.end(signal._tag),
        { discard: true },
      ),
    ),
    Effect.retry({ schedule: patience, while: transient }),
  )
  const drain = Effect.gen(function* () {
    yield* tell(WorkerEvent.Draining({ inFlight: slots.size }))
    yield* Effect.timeoutOption(FiberSet.awaitEmpty(fibers), options.drainTimeout)
    yield* Effect.forEach(Array.from(slots), ({ lease }) => lease.end("Drained"), { discard: true })
    // An executor's finalizers, and then the hand-back, each have the grace.
    yield* Effect.timeoutOption(
      FiberSet.awaitEmpty(fibers),
      Duration.sum(Duration.times(options.interruptGrace, 2), "1 second"),
    )
  })
  // Where one of the worker's fibers ends, the worker does, for the same reason.
  const failing = <R>(effect: Effect.Effect<unknown, WorkerError, R>) =>
    Effect.onError(effect, (cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Deferred.failCause(failure, cause),
    )

  // The Scope closes in the reverse order: claiming stops, then the drain, and only then what a held run lives on.
  yield* Effect.forkScoped(failing(Effect.forever(heartbeat)))
  yield* Effect.forkScoped(failing(heed))
  yield* Effect.addFinalizer(() => apart(drain))
  yield* Effect.forkScoped(failing(Effect.forever(untilHeard(claimRound))))

  return {
    registered,
    events: Stream.filterMapWhile(Stream.fromPubSub(events), (event) => event),
    inFlight: Effect.sync(() => Array.from(slots, (slot) => slot.run)),
    failed: Deferred.await(failure),
  }
})

/**
 * What the worker of the context did last, and does.
 *
 * @since 0.1.0
 * @category observing
 */
export const events: Stream.Stream<WorkerEvent.WorkerEvent, never, Worker> = Stream.unwrap(
  Effect.map(Worker, (worker) => worker.events),
)

/**
 * The runs that the worker of the context holds: now, and after each change.
 *
 * @since 0.1.0
 * @category observing
 */
export const inFlight: Stream.Stream<ReadonlyArray<ClaimedRun>, never, Worker> = Stream.unwrap(
  Effect.map(Worker, (worker) =>
    Stream.concat(
      Stream.fromEffect(worker.inFlight),
      Stream.mapEffect(worker.events, () => worker.inFlight),
    ),
  ),
)

/**
 * Runs a worker until it is interrupted, which drains it, or until it cannot go on. A control plane that has
 * forgotten the worker is registered with anew.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (
  options: WorkerOptions = {},
): Effect.Effect<never, ControlPlaneUnavailable, Executor | ProjectPorts> =>
  Effect.scoped(Effect.flatMap(make(options), (worker) => worker.failed)).pipe(
    Effect.tapErrorTag("WorkerNotFound", (error) => Effect.logWarning(error.message)),
    Effect.retry({ schedule: patience, while: (error) => error._tag === "WorkerNotFound" }),
    Effect.catchTag("WorkerNotFound", Effect.die),
  )

/**
 * A worker for as long as the layer is there.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: WorkerOptions = {},
): Layer.Layer<Worker, WorkerError, Executor | ProjectPorts> => Layer.scoped(Worker, make(options))
