/**
 * A worker: registers, claims as many runs as it has free slots, works on each in a Scope of its own, and drains
 * when its own Scope closes.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Cause, Clock, Context, Deferred, Duration, Effect, Fiber, Layer, Random, Stream } from "effect"
import { Claims } from "../ports/Claims.js"
import { backoff, type ControlPlaneUnavailable, withRetryAfter } from "../ports/ControlPlaneUnavailable.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { Executor } from "../executor/Executor.js"
import * as EventFeed from "./EventFeed.js"
import { detached } from "./Detached.js"
import * as Ids from "../model/Ids.js"
import * as Lease from "./Lease.js"
import { Leases } from "../ports/Leases.js"
import type { ClaimedRun } from "../model/Run.js"
import * as RunExecution from "./RunExecution.js"
import * as WorkerEvent from "./WorkerEvent.js"
import { resolve, type WorkerOptions } from "./WorkerOptions.js"
import type { RegisteredWorker, WorkerNotFound, WorkerStatus } from "../ports/WorkerRegistry.js"
import { WorkerRegistry } from "../ports/WorkerRegistry.js"

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

const patience = withRetryAfter(backoff("200 millis", "5 seconds"))

const transient = (error: WorkerError): boolean => error._tag === "ControlPlaneUnavailable" && error.retryable

/** Tries again, saying so, until the control plane answers. */
const untilHeard = <A, R>(effect: Effect.Effect<A, WorkerError, R>): Effect.Effect<A, WorkerError, R> =>
  effect.pipe(
    Effect.tapError((error) =>
      transient(error) ? Effect.logWarning(`${error.message}; trying again`) : Effect.void,
    ),
    Effect.retry({ schedule: patience, while: transient }),
  )

/** How long a worker whose executor could not start `rounds` times in a row waits before it claims again. */
const pauseAfter = (rounds: number): Duration.Duration =>
  Duration.min(Duration.seconds(2 ** (rounds - 1)), "30 seconds")

/** Give or take a fifth, so that workers started together do not poll together. */
const jittered = (duration: Duration.Duration): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.nextRange(0.8, 1.2), (factor) =>
    Duration.millis(Math.round(Duration.toMillis(duration) * factor)),
  )

/** A run that the worker holds, until what became of it is written. */
interface Held {
  readonly run: ClaimedRun
  readonly lease: Lease.Lease
  abandon: Effect.Effect<void>
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
  const events = yield* Effect.acquireRelease(
    Effect.sync(() => EventFeed.make<WorkerEvent.WorkerEvent>({ replay: 64, capacity: 1024 })),
    (feed) => Effect.sync(feed.end),
  )

  const registered = yield* untilHeard(
    registry.register({
      implementationKind: options.implementationKind,
      workerKey: workerOptions.workerKey ?? (yield* Ids.uuidV7),
      displayName: workerOptions.displayName,
      metadata:
        options.agentIds.length === 0
          ? workerOptions.metadata
          : { agent_ids: options.agentIds, ...workerOptions.metadata },
    }),
  )
  events.tell(WorkerEvent.Registered({ worker: registered }))
  const workerId = registered.id

  const keeper = yield* Lease.makeKeeper({ workerId, leaseDuration: options.leaseDuration })
  const execute = yield* RunExecution.make(options)
  const failure = yield* Deferred.make<never, WorkerError>()
  const held = new Set<Held>()
  const nothingHeld = yield* Effect.makeLatch(true)
  const slotFreed = yield* Effect.makeLatch(false)
  let executing = 0
  let couldNotStart = false
  let failedStarts = 0

  /** A slot is free once its executor has ended; outcomes that wait to be written take as many runs again at most. */
  const freeSlots = () => Math.min(options.concurrency - executing, 2 * options.concurrency - held.size)

  const work = Effect.fnUntraced(function* (run: ClaimedRun, sentAt: bigint) {
    const lease = keeper.keep(run, sentAt)
    const entry: Held = { run, lease, abandon: Effect.void }
    held.add(entry)
    nothingHeld.unsafeClose()
    executing += 1
    events.tell(WorkerEvent.Claimed({ run }))
    entry.abandon = yield* execute(run, lease, {
      executed: () => {
        executing -= 1
        slotFreed.unsafeOpen()
      },
      ended: (event) => {
        keeper.drop(lease)
        if (event._tag !== "Released") failedStarts = 0
        else if (event.error !== null) couldNotStart = true
        held.delete(entry)
        slotFreed.unsafeOpen()
        if (held.size === 0) nothingHeld.unsafeOpen()
        // Told when it is held no more, so that a listener who looks finds it gone.
        events.tell(event)
      },
    })
  })

  // A claim whose answer does not come is sent again with the same id, and gives what it gave before.
  let claimId: Ids.ClaimId | undefined

  // From the answer of a claim to the start of its runs nothing can interrupt, so no claimed run is forgotten.
  const claimRound = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      if (couldNotStart) {
        couldNotStart = false
        failedStarts += 1
        yield* restore(Effect.flatMap(jittered(pauseAfter(failedStarts)), Effect.sleep))
      }
      yield* slotFreed.close
      const free = freeSlots()
      if (free <= 0) return yield* restore(slotFreed.await)
      claimId ??= Ids.ClaimId.make(yield* Ids.uuidV7)
      const sentAt = yield* Clock.currentTimeNanos
      const claimed = yield* restore(
        claims.claim({
          workerId,
          limit: Math.min(free, 100),
          leaseDuration: options.leaseDuration,
          wait: options.claimWait,
          agentIds: options.agentIds,
          claimId,
        }),
      )
      claimId = undefined
      yield* Effect.forEach(claimed, (run) => work(run, sentAt), { discard: true })
      // A control plane that cannot wait answers at once; then the waiting is done here.
      const waited = Duration.nanos((yield* Clock.currentTimeNanos) - sentAt)
      if (claimed.length === 0 && Duration.lessThan(waited, options.pollInterval)) {
        yield* restore(Effect.flatMap(jittered(options.pollInterval), Effect.sleep))
      }
    }),
  )

  let draining = false
  // Another process may have registered under the same key to take over, so one that drains says so once.
  const heartbeat = Effect.delay(
    Effect.suspend(() => registry.heartbeat(workerId, draining ? undefined : "active")).pipe(
      Effect.catchIf(transient, (error) => Effect.logWarning(`Heartbeat failed: ${error.message}`)),
    ),
    options.heartbeatInterval,
  )
  const announce = (status: WorkerStatus) =>
    registry.heartbeat(workerId, status).pipe(Effect.timeout("2 seconds"), Effect.ignore)
  const heed = leases.signals(workerId).pipe(
    Stream.runForEach((signal) =>
      Effect.forEach(
        Array.from(held).filter(({ run }) => run.runId === signal.runId),
        ({ lease }) => lease.end(signal._tag),
        { discard: true },
      ),
    ),
    Effect.retry({ schedule: patience, while: transient }),
  )
  const drain = Effect.gen(function* () {
    events.tell(WorkerEvent.Draining({ inFlight: held.size }))
    draining = true
    const announced = yield* Effect.fork(announce("draining"))
    yield* Effect.timeoutOption(nothingHeld.await, options.drainTimeout)
    yield* Effect.forEach(Array.from(held), ({ lease }) => lease.end("Drained"), { discard: true })
    // An executor's finalizers, and then the hand-back, each have the grace.
    yield* Effect.timeoutOption(
      nothingHeld.await,
      Duration.sum(Duration.times(options.interruptGrace, 2), "1 second"),
    )
    yield* Effect.forEach(Array.from(held), ({ abandon }) => abandon, { discard: true })
    yield* Fiber.join(announced)
    yield* announce("ended")
  })
  // Where one of the worker's fibers ends, the worker does, for the same reason.
  const failing = <R>(effect: Effect.Effect<unknown, WorkerError, R>) =>
    Effect.onError(effect, (cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Deferred.failCause(failure, cause),
    )

  // The Scope closes in the reverse order: claiming stops, then the drain, and only then what a held run lives on.
  yield* Effect.forkScoped(failing(Effect.forever(heartbeat)))
  yield* Effect.forkScoped(failing(heed))
  yield* Effect.addFinalizer(() => detached(drain))
  yield* Effect.forkScoped(failing(Effect.forever(untilHeard(claimRound))))

  return {
    registered,
    events: events.messages,
    inFlight: Effect.sync(() => Array.from(held, ({ run }) => run)),
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

/** Says that a worker waits for runs: one that has nothing to do is silent otherwise. */
const logStart = ({ registered }: Context.Tag.Service<Worker>, options: WorkerOptions) => {
  const { agentIds, concurrency } = resolve(options)
  const agents = agentIds.length === 0 ? "any agent" : agentIds.join(", ")
  return Effect.logInfo(`Worker ${registered.id} waits for runs of ${agents}, ${concurrency} at once`)
}

/**
 * Runs a worker until it is interrupted, which drains it, or until it cannot go on. A control plane that has
 * forgotten the worker is registered with anew. Logs one line when the worker has registered.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (
  options: WorkerOptions = {},
): Effect.Effect<never, ControlPlaneUnavailable, Executor | ProjectPorts> =>
  make(options).pipe(
    Effect.tap((worker) => logStart(worker, options)),
    Effect.flatMap((worker) => worker.failed),
    Effect.scoped,
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
