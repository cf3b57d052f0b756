/**
 * A held lease as a scoped resource, and the one fiber that renews all the leases of a worker.
 *
 * The holder knows first: a lease is counted from the moment its request was *sent*, and where the control plane held
 * the request from as much later, on the monotonic clock, less a margin; so it ends here before the store may give
 * the run to another.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Schema, type Scope } from "effect"
import { backoff, type ControlPlaneUnavailable } from "../ports/ControlPlaneUnavailable.js"
import type * as Ids from "../model/Ids.js"
import type { Deadline } from "../executor/LeaseDeadline.js"
import { Leases, type Renewal } from "../ports/Leases.js"
import type { ClaimedRun, LeaseRef } from "../model/Run.js"

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

  /** Calls `listener` as soon as the lease has ended, at once where it has, unless what it gives is called before. */
  readonly onEnd: (listener: (ended: LeaseEnded) => void) => () => void

  /** Calls `listener` with the deadline of now, and with that of each renewal until what it gives is called. */
  readonly onDeadline: (listener: (deadline: Deadline) => void) => () => void
}

interface KeptLease extends Lease {
  deadline: Deadline
  readonly renewed: (deadline: Deadline) => void
}

export interface LeaseKeeper {
  /**
   * Keeps a claimed run's lease until it ends or is dropped. `sentAt` is when its claim was sent, in nanoseconds of
   * the monotonic clock.
   */
  readonly keep: (claimed: ClaimedRun, sentAt: bigint) => Lease

  /** Stops the renewal: what becomes of the run is the caller's word. */
  readonly drop: (lease: Lease) => void
}

/** How much earlier than the store the holder gives up: a tenth of the lease, at most two seconds. */
const marginOf = (lease: Duration.Duration): Duration.Duration =>
  Duration.min(Duration.times(lease, 0.1), Duration.seconds(2))

const makeLease = (ref: LeaseRef, first: Deadline): KeptLease => {
  const listeners = new Set<(ended: LeaseEnded) => void>()
  const followers = new Set<(deadline: Deadline) => void>()
  let over: LeaseEnded | undefined

  const onEnd: Lease["onEnd"] = (listener) => {
    if (over === undefined) listeners.add(listener)
    else listener(over)
    return () => void listeners.delete(listener)
  }
  const ended = Effect.async<never, LeaseEnded>((resume) => Effect.sync(onEnd((error) => resume(error))))

  const lease: KeptLease = {
    ref,
    deadline: first,
    renewed: (deadline) => {
      lease.deadline = deadline
      for (const listener of followers) listener(deadline)
    },
    onDeadline: (listener) => {
      followers.add(listener)
      listener(lease.deadline)
      return () => void followers.delete(listener)
    },
    ended,
    guard: (effect) => Effect.raceFirst(effect, ended),
    end: (reason) =>
      Effect.sync(() => {
        if (over !== undefined) return
        over = new LeaseEnded({ runId: ref.runId, reason })
        for (const listener of listeners) listener(over)
        listeners.clear()
      }),
    onEnd,
  }
  return lease
}

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
  const margin = Duration.unsafeToNanos(marginOf(duration))
  const lifetime = Duration.unsafeToNanos(duration)
  // Each lease that is kept.
  const held = new Set<KeptLease>()
  // What the watch sleeps for, and how to wake it for something earlier.
  let watched: bigint | undefined
  const earlier = yield* Effect.makeLatch(false)

  const deadlineOf = (countedFrom: bigint): Deadline => {
    const endsAt = countedFrom + lifetime
    return { stopsAt: endsAt - margin, endsAt }
  }

  const settle = (lease: KeptLease, renewal: Renewal | undefined, sentAt: bigint): Effect.Effect<void> =>
    Effect.suspend(() => {
      switch (renewal?._tag) {
        case "Held":
          if (held.has(lease)) lease.renewed(deadlineOf(sentAt))
          return Effect.void
        case "Cancelled":
          return lease.end("Cancelled")
        default:
          return lease.end("Lost")
      }
    })

  const renewAll: Effect.Effect<void, ControlPlaneUnavailable> = Effect.gen(function* () {
    const kept = Array.from(held)
    if (kept.length === 0) return
    const sentAt = yield* Clock.currentTimeNanos
    const renewals = yield* leases.renew({
      workerId: options.workerId,
      leases: kept.map((lease) => lease.ref),
      leaseDuration: duration,
    })
    yield* Effect.forEach(kept, (lease, index) => settle(lease, renewals[index], sentAt), { discard: true })
  })

  // A request without an answer is given up after a round, so that the next has its chance before the deadline.
  const round = renewAll.pipe(
    Effect.timeoutOption(interval),
    Effect.tapError((error) => Effect.logWarning("Leases could not be renewed", error)),
    // No later than this, whatever the control plane asks for: the lease does not wait.
    Effect.retry({ schedule: backoff("100 millis", "2 seconds"), while: ({ retryable }) => retryable }),
    // One that is refused for good has been logged.
    Effect.ignore,
    // The next round has its chance; what none of them renews ends by its deadline.
    Effect.catchAllDefect((defect) => Effect.logError("A renewal died", defect)),
  )

  /** Ends what is past its deadline and gives the time until the next one. */
  const expireDue = Effect.gen(function* () {
    const now = yield* Clock.currentTimeNanos
    watched = undefined
    for (const lease of held) {
      const { stopsAt } = lease.deadline
      if (stopsAt <= now) {
        held.delete(lease)
        yield* lease.end("Expired")
      } else if (watched === undefined || stopsAt < watched) {
        watched = stopsAt
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
    keep: (claimed, sentAt) => {
      const deadline = deadlineOf(sentAt + BigInt(claimed.waitedMillis) * 1_000_000n)
      const lease = makeLease(
        { runId: claimed.runId, workerId: options.workerId, epoch: claimed.leaseEpoch },
        deadline,
      )
      held.add(lease)
      if (watched === undefined || deadline.stopsAt < watched) earlier.unsafeOpen()
      return lease
    },
    drop: (lease) => void (held as Set<Lease>).delete(lease),
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
  Effect.flatMap(makeKeeper(options), (keeper) =>
    Effect.acquireRelease(
      Effect.sync(() => keeper.keep(claimed, options.sentAt)),
      (lease) => Effect.sync(() => keeper.drop(lease)),
    ),
  )
