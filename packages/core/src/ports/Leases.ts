/**
 * The port where a worker keeps, hands back or suspends what it holds.
 *
 * @since 0.1.0
 */
import type { DateTime, Effect, Stream } from "effect"
import { Context, Duration } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type * as Ids from "../model/Ids.js"
import type { Interrupts } from "../model/Interrupt.js"
import type { LeaseLost, LeaseRef, RunNotFound, Sequence } from "../model/Run.js"
import type { CursorMismatch, EventRefused } from "./RunLog.js"
import type { Outcome } from "./Runs.js"

/**
 * What the store says of one lease that was to be renewed.
 *
 * `Held`: renewed until `expiresAt`, by the store's clock. `Cancelled`: the run was cancelled while the
 * caller held it. `Lost`: the caller does not hold it, and never will again under this epoch.
 *
 * @since 0.1.0
 * @category models
 */
export type Renewal =
  | { readonly _tag: "Held"; readonly runId: Ids.RunId; readonly expiresAt: DateTime.Utc }
  | { readonly _tag: "Cancelled"; readonly runId: Ids.RunId }
  | { readonly _tag: "Lost"; readonly runId: Ids.RunId }

/**
 * The longest that a lease lasts when it is claimed or renewed.
 *
 * @since 0.1.0
 * @category constants
 */
export const maxLeaseDuration = Duration.seconds(300)

/** Units: `leaseDuration` 5 to 300 seconds, counted from now by the store's clock. */
export interface RenewRequest {
  readonly workerId: Ids.WorkerId
  readonly leases: ReadonlyArray<Pick<LeaseRef, "runId" | "epoch">>
  readonly leaseDuration: Duration.DurationInput
}

/**
 * How a run is handed back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Release {
  /** A sentence for the run's log. */
  readonly reason?: string | undefined
  /** How long until it is runnable again; zero when absent. */
  readonly delay?: Duration.DurationInput | undefined
  /**
   * Whether the attempt stays counted, as after a retryable failure; false when absent. A counted
   * release of the last attempt ends the run as failed with code `attempts_exhausted`.
   */
  readonly countAttempt?: boolean | undefined
}

/**
 * The answers that a run is suspended for.
 *
 * Units: `expiresAfter` 1 second to 365 days, counted from now by the store's clock, is the time of those interrupts that
 * name none of their own; they wait for ever when it is absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Suspension {
  readonly interrupts: Interrupts
  readonly expiresAfter?: Duration.DurationInput | undefined
}

/**
 * The time that a run is suspended for.
 *
 * Units: `wakeAfter` is up to 10 years, counted from now by the store's clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pause {
  readonly wakeAfter: Duration.DurationInput
}

/**
 * The longest time that a run is suspended for.
 *
 * @since 0.1.0
 * @category constants
 */
export const maxPause = Duration.days(3_650)

/** The events that a run ends with, 1 to 100 of them, and what the log's latest sequence is before them. */
export interface LastEvents {
  readonly events: ReadonlyArray<LogEvent>
  readonly expectedSequence: Sequence
}

/** `completed` is false on a run that had ended before: its outcome and its log are as they were. */
export interface Completed {
  readonly completed: boolean
}

/** Something a worker should know before its next renewal. The renewal says it too: signals may be lost. */
export interface LeaseSignal {
  readonly _tag: "Cancelled"
  readonly runId: Ids.RunId
}

export class Leases extends Context.Tag("@runlease/core/Leases")<
  Leases,
  {
    /** Renews all the named leases in one exchange; one answer for each, in their order. */
    readonly renew: (request: RenewRequest) => Effect.Effect<ReadonlyArray<Renewal>, ControlPlaneError>

    /** Hands a run back: it is pending again, and the attempt does not count unless `countAttempt`. */
    readonly release: (
      lease: LeaseRef,
      release?: Release,
    ) => Effect.Effect<void, LeaseLost | RunNotFound | ControlPlaneError>

    /**
     * Ends a run with its last events, in one commit. A refusal of the events leaves the run as it was; as in an
     * append, those that are there already are not added again.
     */
    readonly complete: (
      lease: LeaseRef,
      outcome: Outcome,
      last?: LastEvents,
    ) => Effect.Effect<Completed, LeaseLost | RunNotFound | CursorMismatch | EventRefused | ControlPlaneError>

    /**
     * Frees the run until all of its interrupts are answered by `Runs.resume`, or until the time of the pause has come. Attempts
     * are counted anew after it.
     *
     * Where it waits for answers, the log gets a RUN_FINISHED with outcome `interrupt`, and a run of whose open interrupts one
     * expires ends as failed with code `wait_expired`. Where it waits for a time, the log gets a CUSTOM `runlease.waiting`.
     */
    readonly suspend: (
      lease: LeaseRef,
      suspension: Suspension | Pause,
    ) => Effect.Effect<void, LeaseLost | RunNotFound | ControlPlaneError>

    /**
     * Cancellations of runs held by this worker, as they happen. Never ends by itself; a control plane
     * that has no signals gives a stream that stays silent.
     */
    readonly signals: (workerId: Ids.WorkerId) => Stream.Stream<LeaseSignal, ControlPlaneError>
  }
>() {}
