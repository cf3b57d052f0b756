/**
 * A held lease as a scoped resource, and the one fiber that renews all the leases of a worker.
 *
 * The holder knows first: a lease is counted from the moment its request was *sent*, and where the control plane held
 * the request from as much later, on the monotonic clock, less a margin; so it ends here before the store may give
 * the run to another.
 *
 * @since 0.1.0
 */
import { Clock, Deferred, Duration, Effect, Fiber, Schema, Scope } from "effect"
import { backoff, type ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"
import { apart } from "./Finalizing.js"
import type * as Ids from "./Ids.js"
import { Leases, type Renewal } from "./Leases.js"
import type { ClaimedRun, LeaseRef } from "./Run.js"

/**
 * Why a lease is not held any more. `Lost`: the store says so. `Expired`: the local deadline passed with no
 * answer. `Cancelled`: the run was cancelled. `Drained`: the worker is shutting down.
 *
 * @since 0.1.0
 * @category models
 */
export const Loss = Schema.Literal("Lost", "Expired", "Cancelled", "Drained")
export type Loss = typeof Loss.Type

/** What `guard` fails with when the lease ends first. */
export class LeaseEnded extends Schema.TaggedError<LeaseEnded>("@runlease/core/LeaseEnded")("LeaseEnded", {
  runId: Schema.String,
  reason: Loss,
}) {
  override get message() {
    return `The lease of run ${this.runId} has ended: ${this.reason}`
  }
}

export interface Lease {
  readonly ref: LeaseRef

  /** Runs an effect for as long as the lease is held; when it ends first, interrupts it and fails. */
  readonly guard: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LeaseEnded, R>

  /** Fails with the reason once the lease has ended. */
  readonly ended: Effect.Effect<never, LeaseEnded>

  /** Ends the lease from this side; the first reason stands. */
  readonly end: (reason: Loss) => Effect.Effect<void>
}

export interface LeaseKeeper {
  /**
   * Keeps a claimed run's lease until the Scope closes. `sentAt` is when its claim was sent, in nanoseconds of the
   * monotonic clock. Closing the Scope only stops the renewal: what becomes of the run is the caller's word.
   */
  readonly hold: (claimed: ClaimedRun, sentAt: bigint) => Effect.Effect<Lease, never, Scope.Scope>

  /** How many leases are held now. */
  readonly size: Effect.Effect<number>
}

interface Held {
  readonly lease: Lease
  deadline: bigint
}

/** How much earlier than the store the holder gives up: a tenth of the lease, at most two seconds. */
const marginOf = (lease: Duration.Duration): Duration.Duration =>
  Duration.min(Duration.times(lease, 0.1), Duration.seconds(2))

const makeLease = (ref: LeaseRef): Effect.Effect<Lease> =>
  Effect.map(Deferred.make<never, LeaseEnded>(), (deferred): Lease => {
    const ended = Deferred.await(deferred)
    return {
      ref,
      ended,
      guard: (effect) => Effect.raceFirst(effect, ended),
      end: (reason) => Effect.asVoid(Deferred.fail(deferred, new LeaseEnded({ runId: ref.runId, reason }))),
    }
  })

/**
 * Renews every lease of one worker with one request per round, at a third of the lease, and ends those whose
 * deadline passes. Two fibers, however many leases.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeKeeper = Effect.fnUntraced(function* (options: {
  readonly workerId: Ids.WorkerId
  readonly leaseDuration: Duration.DurationInput
}): Effect.fn.Return<LeaseKeeper, never, Leases | Scope.Scope> {
  const leases = yield* Leases
  const duration = Duration.decode(options.leaseDuration)
  const interval = Duration.millis(Math.floor(Duration.toMillis(duration) / 3))
  const lifetime = Duration.unsafeToNanos(Duration.subtract(duration, marginOf(duration)))
  const held = new Set<Held>()
  // What the watch sleeps for, and how to wake it for something earlier.
  let watched: bigint | undefined
  const earlier = yield* Effect.makeLatch(false)

  const settle = (entry: Held, renewal: Renewal | undefined, sentAt: bigint): Effect.Effect<void> =>
    Effect.suspend(() => {
      switch (renewal?._tag) {
        case "Held":
          entry.deadline = sentAt + lifetime
          return Effect.void
        case "Cancelled":
          return entry.lease.end("Cancelled")
        default:
          return entry.lease.end("Lost")
      }
    })

  const renewAll: Effect.Effect<void, ControlPlaneUnavailable> = Effect.gen(function* () {
    const entries = Array.from(held)
    if (entries.length === 0) return
    const sentAt = yield* Clock.currentTimeNanos
    const renewals = yield* leases.renew({
      workerId: options.workerId,
      leases: entries.map((entry) => entry.lease.ref),
      leaseDuration: duration,
    })
    yield* Effect.forEach(entries, (entry, index) => settle(entry, renewals[index], sentAt), {
      discard: true,
    })
  })

  // A request without an answer is given up after a round, so that the next has its chance before the deadline.
  const round = renewAll.pipe(
    Effect.timeoutOption(interval),
    Effect.tapError((error) => Effect.logWarning("Leases could not be renewed", error)),
    // No later than this, whatever the control plane asks for: the lease does not wait.
    Effect.retry(backoff("100 millis", "2 seconds")),
    // The next round has its chance; what none of them renews ends by its deadline.
    Effect.catchAllDefect((defect) => Effect.logError("A renewal died", defect)),
  )

  /** Ends what is past its deadline and gives the time until the next one. */
  const expireDue = Effect.gen(function* () {
    const now = yield* Clock.currentTimeNanos
    watched = undefined
    for (const entry of held) {
      if (entry.deadline <= now) {
        held.delete(entry)
        yield* entry.lease.end("Expired")
      } else if (watched === undefined || entry.deadline < watched) {
        watched = entry.deadline
      }
    }
    return watched === undefined ? Duration.infinity : Duration.nanos(watched - now)
  })

  const watch = earlier.close.pipe(
    Effect.zipRight(expireDue),
    Effect.flatMap((time) =>
      Duration.isFinite(time) ? Effect.raceFirst(Effect.sleep(time), earlier.await) : earlier.await,
    ),
  )

  yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(interval), round)))
  yield* Effect.forkScoped(Effect.forever(watch))

  return {
    size: Effect.sync(() => held.size),
    hold: (claimed, sentAt) =>
      Effect.acquireRelease(
        Effect.gen(function* () {
          const lease = yield* makeLease({
            runId: claimed.runId,
            workerId: options.workerId,
            epoch: claimed.leaseEpoch,
          })
          const deadline = sentAt + BigInt(claimed.waitedMillis) * 1_000_000n + lifetime
          const entry: Held = { lease, deadline }
          held.add(entry)
          if (watched === undefined || deadline < watched) yield* earlier.open
          return entry
        }),
        (entry) => Effect.sync(() => held.delete(entry)),
      ).pipe(Effect.map((entry) => entry.lease)),
  }
})

/**
 * Holds one lease with a renewal of its own, for a program that works on a single run; a `Worker` shares one
 * renewal among all of its leases.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hold = (
  claimed: ClaimedRun,
  options: {
    readonly workerId: Ids.WorkerId
    readonly leaseDuration: Duration.DurationInput
    /** When the claim was sent, in nanoseconds of the monotonic clock. */
    readonly sentAt: bigint
  },
): Effect.Effect<Lease, never, Leases | Scope.Scope> =>
  Effect.flatMap(makeKeeper(options), (keeper) => keeper.hold(claimed, options.sentAt))

/**
 * Runs an effect until it ends or the lease does. In the second case interrupts it and waits for its
 * finalizers, but at most `grace`: what has not ended by then goes on in the background, unable to reach the run.
 *
 * @since 0.1.0
 * @category guarding
 */
export const guardWithin = <A, E, R>(
  lease: Lease,
  grace: Duration.DurationInput,
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | LeaseEnded, R> =>
  Effect.acquireUseRelease(
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.map(Effect.forkIn(Effect.interruptible(effect), scope), (fiber) => ({ fiber, scope })),
    ),
    ({ fiber }) => lease.guard(Fiber.join(fiber)),
    ({ fiber, scope }, exit) =>
      fiber.unsafePoll() === null
        ? apart(Effect.timeoutOption(Effect.disconnect(Scope.close(scope, exit)), grace))
        : Effect.void,
  )
