/**
 * Keeps the leases of a worker: takes what the rounds of renewal say of them, and ends those whose deadline passes.
 *
 * The holder stops first. The deadline of a lease counts from the moment its request was *sent*, on the monotonic clock,
 * less a margin, so the work stops before the store may give the run to another worker. A claim that waited in the
 * control plane counts from as much later.
 */
import { Clock, Duration, Effect, Iterable, type Scope, Option } from "effect"
import type { Deadline, MovingDeadline } from "../executor/LeaseDeadline.js"
import type * as Ids from "../model/Ids.js"
import type { ClaimedRun, LeaseRef } from "../model/Run.js"
import type { Leases } from "../ports/Leases.js"
import { RenewalRounds, type RoundAnswer, type Rounds, type Stall } from "./RenewalRounds.js"
import * as WorkerMetrics from "./WorkerMetrics.js"
import type { LeaseLoss } from "../ports/WorkerMetadata.js"
import type { WorkerEvent } from "./WorkerEvent.js"

/**
 * How a renewal finds that a lease has ended. `Lost`: the store says so. `Expired`: the deadline passed without an
 * answer. `Cancelled`: the run was cancelled.
 */
export type RenewalEnd = "Lost" | "Expired" | "Cancelled"

/** What follows from a renewal: the lease has ended, or the run has this number of messages. */
export interface Listener {
  readonly onEnd: (end: RenewalEnd) => void
  readonly onMessages?: ((inbox: number | undefined) => void) | undefined
}

/** The deadline of a lease that is renewed. */
interface RenewedDeadline extends MovingDeadline {
  readonly current: () => Deadline

  /** Sets the deadline and calls its followers. */
  readonly set: (deadline: Deadline) => void
}

/** Makes a deadline that can be moved. */
const makeDeadline = (first: Deadline): RenewedDeadline => {
  let current = first
  // Most executors follow no deadline.
  let followers: Set<(deadline: Deadline) => void> | undefined
  return {
    current: () => current,
    set: (deadline) => {
      current = deadline
      if (followers !== undefined) for (const follower of followers) follower(deadline)
    },
    follow: (listener) => {
      const set = (followers ??= new Set())
      set.add(listener)
      listener(current)
      return () => void set.delete(listener)
    },
  }
}

/** A lease that is renewed until it ends or is removed. */
export interface RenewedLease {
  readonly ref: LeaseRef
  readonly deadline: RenewedDeadline
}

/** Renewals that failed one after the other: how many, and how the last one did. */
export interface RenewalFailures {
  readonly count: number
  readonly message: string
}

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

  /** Whether a lease has less than a third of its length left, so that at least one renewal of it has failed. */
  readonly isOverdue: (now: bigint) => boolean

  /** Looks whether a stall has just ended. `now` is in nanoseconds of the monotonic clock. Absent where no stalls are found. */
  readonly observe: Rounds<RenewedLease>["observe"]
}

interface Entry extends RenewedLease {
  readonly listener: Listener
}

/** How much earlier than the store the holder stops: a tenth of the lease, at most two seconds. */
const marginOf = (lease: Duration.Duration): Duration.Duration =>
  Duration.min(Duration.times(lease, 0.1), Duration.seconds(2))

/**
 * Renews every lease at a third of its length, by the `RenewalRounds` of the context, and ends those whose deadline passes.
 * Takes two fibers of the Scope, however many leases there are.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly workerId: Ids.WorkerId
  readonly leaseDuration: Duration.DurationInput
  /** Takes a stall of the event loop when it is over, before any lease ends for it. The effect is run later. */
  readonly onStall?: ((stall: Stall) => Effect.Effect<void>) | undefined
}): Effect.fn.Return<LeaseRenewal, never, Leases | Scope.Scope> {
  const duration = Duration.decode(options.leaseDuration)
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

  /** Answers may arrive late: the deadline never moves back. */
  const extend = (entry: Entry, sentAt: bigint): void => {
    const deadline = deadlineFrom(sentAt)
    if (deadline.stopsAt > entry.deadline.current().stopsAt) entry.deadline.set(deadline)
  }

  const { make: makeRounds } = yield* RenewalRounds
  const rounds = yield* makeRounds<Entry>({
    workerId: options.workerId,
    leaseDuration: duration,
    leases: entries,
    answer: (entry, answer: RoundAnswer, sentAt) => {
      failures = undefined
      if (!entries.has(entry)) return
      if (answer._tag === "Renewed") {
        WorkerMetrics.renewals.add(1)
        extend(entry, sentAt)
        entry.listener.onMessages?.(answer.inbox)
      } else entry.listener.onEnd(answer._tag)
    },
    failed: fail,
    onStall: options.onStall ?? (() => Effect.void),
  })

  /** The deadline by the latest renewal: a thread renews leases while this loop is blocked. */
  const latest = (entry: Entry): Deadline => {
    const renewedAt = rounds.renewedAt?.(entry)
    if (renewedAt !== undefined) extend(entry, renewedAt)
    return entry.deadline.current()
  }

  const stopOf = (entry: Entry, now: bigint): bigint => {
    const { stopsAt } = entry.deadline.current()
    return stopsAt <= now ? latest(entry).stopsAt : stopsAt
  }

  // Every lease that `add` returns is an entry.
  const drop = (lease: RenewedLease): void => {
    if (entries.delete(lease as Entry)) rounds.remove?.(lease as Entry)
  }

  /** Ends the leases whose deadline has passed, and returns the time until the next deadline. */
  const expireDue = Effect.map(Clock.currentTimeNanos, (now) => {
    watched = undefined
    rounds.observe?.(now)
    for (const entry of entries) {
      const stopsAt = stopOf(entry, now)
      if (stopsAt <= now) {
        drop(entry)
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

  yield* Effect.forkScoped(Effect.forever(watch))

  return {
    add: (claimed, sentAt, listener) => {
      const deadline = deadlineFrom(sentAt + BigInt(claimed.waitedMillis) * 1_000_000n)
      const entry: Entry = {
        ref: { runId: claimed.runId, workerId: options.workerId, epoch: claimed.leaseEpoch },
        deadline: makeDeadline(deadline),
        listener,
      }
      entries.add(entry)
      rounds.add?.(entry)
      if (watched === undefined || deadline.stopsAt < watched) earlier.unsafeOpen()
      return entry
    },
    failures: () => failures,
    isOverdue: (now) =>
      Iterable.some(entries, (entry) => {
        const { endsAt } = latest(entry)
        return endsAt - now < lifetime / 3n
      }),
    remove: drop,
    observe: rounds.observe,
  }
})

// The leases that a worker has lost, as it saw them. The registry gets them with each heartbeat, so a loss costs no separate request.

/** The most losses that the worker remembers; the oldest is removed. */
const most = 10

export interface LostLeases {
  /** Keeps the loss that an event reports, with the renewals that had failed by then. */
  readonly observe: (event: WorkerEvent, failures: RenewalFailures | undefined) => void

  /** The newest losses, the oldest of them first. */
  readonly all: () => ReadonlyArray<LeaseLoss>
}

/** The longest text of a failure. */
const maxText = 200

const lossOf = (
  event: WorkerEvent,
  failures: RenewalFailures | undefined,
  at: number,
): Option.Option<LeaseLoss> => {
  if (event._tag !== "LeaseEnded" || event.run.leaseEpoch === null) return Option.none()
  const { reason, run } = event
  if (reason !== "Lost" && reason !== "Expired") return Option.none()
  return Option.some({
    run_id: run.runId,
    lease_epoch: event.run.leaseEpoch,
    reason: reason === "Lost" ? "refused" : "expired",
    at,
    failed_renewals: failures?.count ?? 0,
    failure: failures?.message.slice(0, maxText) ?? null,
  })
}

export const lostLeases = (clock: Clock.Clock): LostLeases => {
  let losses: ReadonlyArray<LeaseLoss> = []
  return {
    observe: (event, failures) => {
      const loss = lossOf(event, failures, clock.unsafeCurrentTimeMillis())
      if (Option.isSome(loss)) losses = [...losses, loss.value].slice(-most)
    },
    all: () => losses,
  }
}
