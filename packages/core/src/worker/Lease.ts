/** A lease as a resource of a Scope. */
import { type Duration, Effect, Schema, type Scope } from "effect"
import type { Deadline } from "../executor/LeaseDeadline.js"
import type * as Ids from "../model/Ids.js"
import type { ClaimedRun, LeaseRef } from "../model/Run.js"
import type { Leases } from "../ports/Leases.js"
import * as LeaseRenewal from "./LeaseRenewal.js"

/**
 * Why a lease has ended. `Lost`: the store says so. `Expired`: the local deadline passed without an answer.
 * `Cancelled`: the run was cancelled. `Drained`: the worker is shutting down. `Crowded`: the run has waited too long for a slot.
 */
export const Loss = Schema.Literal("Lost", "Expired", "Cancelled", "Drained", "Crowded")
export type Loss = typeof Loss.Type

/** The lease of a run has ended, so work on it must stop. */
export class LeaseEnded extends Schema.TaggedError<LeaseEnded>("@runlease/core/LeaseEnded")("LeaseEnded", {
  runId: Schema.String,
  reason: Loss,
}) {
  override get message() {
    return `The lease of run ${this.runId} has ended: ${this.reason}`
  }
}

/** A lease that is renewed until it ends or its Scope closes. */
export interface Lease {
  readonly ref: LeaseRef

  /** Runs an effect while the worker owns the lease. When the lease ends first, interrupts the effect and fails. */
  readonly guard: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LeaseEnded, R>

  /** Fails with the reason once the lease has ended. */
  readonly ended: Effect.Effect<never, LeaseEnded>

  /** Ends the lease from this side. The first reason remains. */
  readonly end: (reason: Loss) => Effect.Effect<void>

  /** Calls `listener` once, when the lease has ended, unless the returned function is called before. */
  readonly onEnd: (listener: (ended: LeaseEnded) => void) => () => void

  /** Calls `listener` with the current deadline and with each later one, until the returned function is called. */
  readonly onDeadline: (listener: (deadline: Deadline) => void) => () => void
}

/**
 * Renews the lease of one claimed run until the Scope closes, for a program that works on a single run. A `Worker`
 * renews all of its leases in one request.
 *
 * Units: `leaseDuration` is 5 to 300 seconds.
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
  Effect.flatMap(LeaseRenewal.make(options), (renewal) => {
    const listeners = new Set<(ended: LeaseEnded) => void>()
    let over: LeaseEnded | undefined

    const end = (reason: Loss): void => {
      if (over !== undefined) return
      over = new LeaseEnded({ runId: claimed.runId, reason })
      for (const listener of listeners) listener(over)
      listeners.clear()
    }
    const onEnd: Lease["onEnd"] = (listener) => {
      if (over === undefined) listeners.add(listener)
      else listener(over)
      return () => void listeners.delete(listener)
    }
    const ended = Effect.async<never, LeaseEnded>((resume) => Effect.sync(onEnd((error) => resume(error))))

    return Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => renewal.add(claimed, options.sentAt, { onEnd: end })),
        (renewed) => Effect.sync(() => renewal.remove(renewed)),
      ),
      ({ deadline, ref }): Lease => ({
        ref,
        guard: (effect) => Effect.raceFirst(effect, ended),
        ended,
        end: (reason) => Effect.sync(() => end(reason)),
        onEnd,
        onDeadline: deadline.follow,
      }),
    )
  })
