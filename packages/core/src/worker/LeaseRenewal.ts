/**
 * Renews all leases of a worker, one request a round, and ends those whose deadline passes.
 *
 * The holder stops first. The deadline of a lease counts from the moment its request was *sent*, on the monotonic clock,
 * less a margin, so the work stops before the store may give the run to another worker. A claim that waited in the
 * control plane counts from as much later.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Option, type Scope } from "effect"
import { type Deadline, type MovingDeadline, unsafeMake } from "../executor/LeaseDeadline.js"
import type * as Ids from "../model/Ids.js"
import type { ClaimedRun, LeaseRef } from "../model/Run.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { backoff } from "../ports/ControlPlaneUnavailable.js"
import { Leases, type Renewal } from "../ports/Leases.js"
import * as WorkerMetrics from "./WorkerMetrics.js"

/**
 * How a renewal finds that a lease has ended. `Lost`: the store says so. `Expired`: the deadline passed without an
 * answer. `Cancelled`: the run was cancelled.
 *
 * @since 0.1.0
 * @category models
 */
export type RenewalEnd = "Lost" | "Expired" | "Cancelled"

/** What follows from a renewal: the lease has ended, or the run has been told so many messages. */
export interface Listener {
  readonly onEnd: (end: RenewalEnd) => void
  readonly onTold?: ((inbox: number | undefined) => void) | undefined
}

/**
 * A lease that is renewed until it ends or is removed.
 *
 * @since 0.1.0
 * @category models
 */
export interface RenewedLease {
  readonly ref: LeaseRef
  readonly deadline: MovingDeadline
}

/**
 * Renewals that failed one after the other: how many, and how the last one did.
 *
 * @since 0.1.0
 * @category models
 */
export interface RenewalFailures {
  readonly count: number
  readonly message: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface LeaseRenewal {
  /**
   * Renews the lease of a claimed run from now on. The listener is called until the lease is removed, also when it has ended.
   *
   * Units: `sentAt` is when the claim was sent, in nanoseconds of the monotonic clock.
   */
  readonly add: (claimed: ClaimedRun, sentAt: bigint, listener: Listener) => RenewedLease

  /** Renews the lease no longer. The run stays leased in the store. */
  readonly remove: (lease: RenewedLease) => void

  /** The renewals that have failed since one succeeded; undefined where the last one did. */
  readonly failures: () => RenewalFailures | undefined
}

interface Entry extends RenewedLease {
  readonly listener: Listener
}

/** How much earlier than the store the holder stops: a tenth of the lease, at most two seconds. */
const marginOf = (lease: Duration.Duration): Duration.Duration =>
  Duration.min(Duration.times(lease, 0.1), Duration.seconds(2))

/**
 * Renews every lease at a third of its length, and ends those whose deadline passes. Takes two fibers of the Scope,
 * however many leases there are.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly workerId: Ids.WorkerId
  readonly leaseDuration: Duration.DurationInput
}): Effect.fn.Return<LeaseRenewal, never, Leases | Scope.Scope> {
  const leases = yield* Leases
  const duration = Duration.decode(options.leaseDuration)
  const interval = Duration.millis(Math.floor(Duration.toMillis(duration) / 3))
  const margin = Duration.unsafeToNanos(marginOf(duration))
  const lifetime = Duration.unsafeToNanos(duration)
  const entries = new Set<Entry>()
  // The deadline that the watch sleeps until, and the latch that wakes it for an earlier one.
  let watched: bigint | undefined
  let failures: RenewalFailures | undefined
  const earlier = yield* Effect.makeLatch(false)

  const fail = (message: string): void => {
    WorkerMetrics.renewalFailures.add(1)
    failures = { count: (failures?.count ?? 0) + 1, message }
  }

  const deadlineFrom = (start: bigint): Deadline => {
    const endsAt = start + lifetime
    return { stopsAt: endsAt - margin, endsAt }
  }

  const apply = (entry: Entry, renewal: Renewal | undefined, sentAt: bigint): void => {
    if (!entries.has(entry)) return
    if (renewal?._tag === "Held") {
      WorkerMetrics.renewals.add(1)
      entry.deadline.set(deadlineFrom(sentAt))
      entry.listener.onTold?.(renewal.inbox)
    } else entry.listener.onEnd(renewal?._tag === "Cancelled" ? "Cancelled" : "Lost")
  }

  const renewAll: Effect.Effect<void, ControlPlaneError> = Effect.gen(function* () {
    const renewing = Array.from(entries)
    if (renewing.length === 0) return
    const sentAt = yield* Clock.currentTimeNanos
    const renewals = yield* leases.renew({
      workerId: options.workerId,
      leases: renewing.map((entry) => entry.ref),
      leaseDuration: duration,
    })
    failures = undefined
    renewing.forEach((entry, index) => apply(entry, renewals[index], sentAt))
  })

  // A request without an answer is given up after a round, so that the next round comes before the deadline.
  const round = renewAll.pipe(
    Effect.timeoutOption(interval),
    Effect.tapBoth({
      onSuccess: (answered) => {
        if (Option.isNone(answered)) fail(`no answer within ${Duration.format(interval)}`)
        return Effect.void
      },
      onFailure: (error) => {
        fail(error.message)
        return Effect.logWarning("Leases could not be renewed", error)
      },
    }),
    // Without `withRetryAfter`: the deadline does not wait for the control plane's wish.
    Effect.retry({ schedule: backoff("100 millis", "2 seconds"), while: ({ retryable }) => retryable }),
    // An error that is not retryable has been logged; the next round tries again.
    Effect.ignore,
    Effect.catchAllDefect((defect) => Effect.logError("A renewal died", defect)),
  )

  /** Ends the leases whose deadline has passed, and returns the time until the next deadline. */
  const expireDue = Effect.map(Clock.currentTimeNanos, (now) => {
    watched = undefined
    for (const entry of entries) {
      const { stopsAt } = entry.deadline.current()
      if (stopsAt <= now) {
        entries.delete(entry)
        entry.listener.onEnd("Expired")
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
    add: (claimed, sentAt, listener) => {
      const deadline = deadlineFrom(sentAt + BigInt(claimed.waitedMillis) * 1_000_000n)
      const entry: Entry = {
        ref: { runId: claimed.runId, workerId: options.workerId, epoch: claimed.leaseEpoch },
        deadline: unsafeMake(deadline),
        listener,
      }
      entries.add(entry)
      if (watched === undefined || deadline.stopsAt < watched) earlier.unsafeOpen()
      return entry
    },
    failures: () => failures,
    remove: (lease) => void (entries as Set<RenewedLease>).delete(lease),
  }
})
