/**
 * The rounds that renew the leases of a worker: each sends one request for all of them.
 *
 * The rounds of `onLoop` share the event loop with executors, so one that blocks the loop for longer than a lease loses
 * its run. A separate thread makes rounds meanwhile: `WorkerClient` of `@runlease/http` provides those.
 *
 * Source: docs/decisions/0076-renewal-on-a-thread.md
 */
import { Clock, Context, Duration, Effect, Option, type Scope } from "effect"
import type * as Ids from "../model/Ids.js"
import type { LeaseRef } from "../model/Run.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { backoff } from "../ports/ControlPlaneUnavailable.js"
import { Leases } from "../ports/Leases.js"

export interface RoundLease {
  readonly ref: LeaseRef
}

/** What the store says of a lease, as in `Leases.Renewal`. */
export type RoundAnswer =
  | { readonly _tag: "Renewed"; readonly inbox?: number | undefined }
  | { readonly _tag: "Cancelled" }
  | { readonly _tag: "Lost" }

/** A time in which the event loop ran nothing but one piece of code, or the process did not run at all. */
export interface Stall {
  readonly duration: Duration.Duration
  /** The limit after which the rounds stopped to renew; undefined where they went on. */
  readonly stoppedAfter: Duration.Duration | undefined
}

export interface RoundOptions<Lease extends RoundLease> {
  readonly workerId: Ids.WorkerId
  readonly leaseDuration: Duration.Duration
  /** The leases to renew, which changes between the rounds. `Rounds.add` and `Rounds.remove` report the changes. */
  readonly leases: ReadonlySet<Lease>
  /**
   * Takes what the store says of a lease. It may have been removed meanwhile.
   *
   * Units: `sentAt` is when the request was sent, in nanoseconds of the monotonic clock.
   */
  readonly answer: (lease: Lease, answer: RoundAnswer, sentAt: bigint) => void
  /** Takes the failure of a round, in words. */
  readonly failed: (message: string) => void
  /** Takes a stall when it is over, before any lease ends for it. The effect is run later. */
  readonly onStall: (stall: Stall) => Effect.Effect<void>
}

export interface Rounds<Lease extends RoundLease> {
  /** Takes a lease that is new. Absent where the rounds look at `leases`. */
  readonly add?: (lease: Lease) => void
  readonly remove?: (lease: Lease) => void

  /**
   * When the latest renewal that the store granted was sent, in nanoseconds of the monotonic clock, for one that `answer`
   * may not have been called with yet; undefined where there is none. Absent where `answer` has been called with all.
   */
  readonly renewedAt?: (lease: Lease) => bigint | undefined

  /** Looks whether a stall has just ended. `now` is in nanoseconds of the monotonic clock. Absent where no stalls are found. */
  readonly observe?: ((now: bigint) => void) | undefined
}

/** Renews every lease at a third of its length, on the event loop, in one fiber of the Scope. */
export const onLoop = Effect.fnUntraced(function* <Lease extends RoundLease>(
  options: RoundOptions<Lease>,
): Effect.fn.Return<Rounds<Lease>, never, Leases | Scope.Scope> {
  const leases = yield* Leases
  const interval = Duration.millis(Math.floor(Duration.toMillis(options.leaseDuration) / 3))

  const renewAll: Effect.Effect<void, ControlPlaneError> = Effect.gen(function* () {
    const renewing = Array.from(options.leases)
    if (renewing.length === 0) return
    const sentAt = yield* Clock.currentTimeNanos
    const renewals = yield* leases.renew({
      workerId: options.workerId,
      leases: renewing.map(({ ref }) => ref),
      leaseDuration: options.leaseDuration,
    })
    renewing.forEach((lease, index) => options.answer(lease, renewals[index] ?? { _tag: "Lost" }, sentAt))
  })

  // A request without an answer is abandoned after a round, so that the next round comes before the deadline.
  const round = renewAll.pipe(
    Effect.timeoutOption(interval),
    Effect.tapBoth({
      onSuccess: (answered) => {
        if (Option.isNone(answered)) options.failed(`no answer within ${Duration.format(interval)}`)
        return Effect.void
      },
      onFailure: (error) => {
        options.failed(error.message)
        return logFailure(error)
      },
    }),
    // Without `withRetryAfter`: the deadline does not wait for the control plane's wish.
    Effect.retry({ schedule: backoff("100 millis", "2 seconds"), while: ({ retryable }) => retryable }),
    // An error that is not retryable has been logged; the next round tries again.
    Effect.ignore,
    Effect.catchAllDefect((defect) => Effect.logError("A renewal died", defect)),
  )

  // Leases that are there already were left by others, and may be due.
  const first = options.leases.size === 0 ? Effect.void : round
  yield* Effect.forkScoped(
    Effect.zipRight(first, Effect.forever(Effect.zipRight(Effect.sleep(interval), round))),
  )
  return {}
})

/** Logs a round that failed. */
export const logFailure = (error: ControlPlaneError): Effect.Effect<void> =>
  Effect.logWarning("Leases could not be renewed", error)

/** Who makes the rounds of workers. On the event loop where nothing is provided. */
export class RenewalRounds extends Context.Reference<RenewalRounds>()("@runlease/core/RenewalRounds", {
  defaultValue: (): {
    /** Makes the rounds of one worker. They end with the Scope. */
    readonly make: <Lease extends RoundLease>(
      options: RoundOptions<Lease>,
    ) => Effect.Effect<Rounds<Lease>, never, Leases | Scope.Scope>
  } => ({ make: onLoop }),
}) {}
