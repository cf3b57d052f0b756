/** The port where a worker keeps, hands back or suspends what it holds. */
import type { DateTime, Effect, Stream } from "effect"
import { Context, Duration, Schema } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type { CallbackRefused, IssuedCallback, NewCallback } from "./Callbacks.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type * as Ids from "../model/Ids.js"
import type { Interrupts } from "../model/Interrupt.js"
import type { LeaseLost, LeaseRef, RunNotFound, Sequence } from "../model/Run.js"
import type { Appended, CursorMismatch, EventRefused } from "./RunLog.js"
import type {
  InvalidSubmission,
  MessageRefused,
  NewMessage,
  Outcome,
  SubmissionInput,
  SentMessage,
} from "./Runs.js"

/**
 * What the store says of one lease that was to be renewed.
 *
 * `Renewed`: until `expiresAt`, by the store's clock; the run has `inbox` messages, absent for none. `Cancelled`: the run
 * was cancelled, or reached its timeout, while the caller owned its lease. `Lost`: the caller does not own it, and never will again under this epoch.
 */
export type Renewal =
  | {
      readonly _tag: "Renewed"
      readonly runId: Ids.RunId
      readonly expiresAt: DateTime.Utc
      readonly inbox?: number | undefined
    }
  | { readonly _tag: "Cancelled"; readonly runId: Ids.RunId }
  | { readonly _tag: "Lost"; readonly runId: Ids.RunId }

/** The longest that a lease lasts when it is claimed or renewed. */
export const maxLeaseDuration = Duration.seconds(300)

/** Units: `leaseDuration` 5 to 300 seconds, counted from now by the store's clock. */
export interface RenewRequest {
  readonly workerId: Ids.WorkerId
  readonly leases: ReadonlyArray<Pick<LeaseRef, "runId" | "epoch">>
  readonly leaseDuration: Duration.DurationInput
}

/** How a run is handed back. */
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
  /**
   * The version of the workers that are to continue with it, empty for those without one, since this worker cannot read its records. The
   * first such release of a run that is not pinned does not count the attempt.
   */
  readonly version?: string | undefined
}

/**
 * What a run is suspended for besides answers of persons; the first of it lets the run continue. `children` are groups of its children, by their
 * indexes; a group lets it continue when all of it have ended. `inbox` is how many messages it has consumed; one more lets it continue. `budget`: a
 * raise of the budget of its tree does; at the root, where the budget is spent, the wait becomes a question.
 *
 * Units: `wakeAfter` is up to 10 years, counted from now by the store's clock.
 */
export interface Pause {
  readonly wakeAfter?: Duration.DurationInput | undefined
  readonly children?: ReadonlyArray<ReadonlyArray<number>> | undefined
  readonly inbox?: number | undefined
  readonly budget?: true | undefined
}

/**
 * The answers that a run is suspended for, and what else lets it go on: all of its answers, or the first of the others. Where one of the
 * others comes first, the run keeps the answers that it has, and takes no more until it is suspended for them again.
 *
 * Units: `expiresAfter` 1 second to 365 days, counted from now by the store's clock, is the time of those interrupts that
 * name none of their own; they wait for ever when it is absent.
 */
export interface Suspension extends Pause {
  readonly interrupts: Interrupts
  readonly expiresAfter?: Duration.DurationInput | undefined
}

/**
 * A child to be spawned: the step of its parent that it is, and its request. The child's id, `submission.publicId`, is made of its
 * parent's id and of the step's, so that a repeat finds the child that exists.
 *
 * A `detached` child is the root of a separate tree: it names its parent as any run may, and the parent's end does not cancel it. The end of
 * a child with `tellsParent` is a message to its parent (`ChildMessage`), in the commit that ends the child; a detached child cannot have it.
 */
export interface Spawn {
  readonly stepId: string
  readonly name: string
  readonly key?: unknown
  readonly detached?: boolean | undefined
  readonly tellsParent?: boolean | undefined
  readonly submission: ChildSubmission
}

/** The request of a child. It has a separate conversation, and no lane unless it names one. */
export type ChildSubmission = Omit<
  SubmissionInput,
  "conversationId" | "parentRunId" | "initialStatus" | "publicId" | "budget"
> & { readonly publicId: string }

/** A child. `index`: those of one parent are counted from 0; a detached one has none, and no run waits for it. */
export interface Spawned {
  readonly runId: Ids.RunId
  readonly index?: number | undefined
}

/**
 * A run may not have that child. `depth`: it would be deeper than 16 runs. `too_many`: its parent has 10,000. `lane`: a run above it has
 * the lane that it names, so it could never run.
 */
export class ChildRefused extends Schema.TaggedError<ChildRefused>("@runlease/core/ChildRefused")(
  "ChildRefused",
  { reason: Schema.Literal("depth", "too_many", "lane"), message: Schema.String },
) {}

/** A run may not wait for that: it names a child that it does not have, or more children than a wait may. */
export class SuspensionRefused extends Schema.TaggedError<SuspensionRefused>(
  "@runlease/core/SuspensionRefused",
)("SuspensionRefused", { message: Schema.String }) {}

/** The longest time that a run is suspended for. */
export const maxPause = Duration.days(3_650)

/** More messages were sent to the run than its executor has consumed, so it has not ended. */
export class InboxNotEmpty extends Schema.TaggedError<InboxNotEmpty>("@runlease/core/InboxNotEmpty")(
  "InboxNotEmpty",
  { runId: Schema.String, inbox: Schema.Number },
) {
  override get message() {
    return `Run ${this.runId} has been told ${this.inbox} messages, and has not taken them all`
  }
}

/** The events that a run ends with, 1 to 100 of them, and what the log's latest sequence is before them. */
export interface LastEvents {
  readonly events: ReadonlyArray<LogEvent>
  readonly expectedSequence: Sequence
}

/** `completed` is false on a run that had ended before: its outcome and its log are as they were. */
export interface Completed {
  readonly completed: boolean
}

/**
 * Something a worker should know before its next renewal. The renewal says it too: signals may be lost. `Cancelled`: as that of a renewal. `MessageSent`: the run has
 * `inbox` messages by now. `Drain`: the operator requests that the worker claims no more runs, or claims again; the answer to a heartbeat says it
 * too.
 */
export type LeaseSignal =
  | { readonly _tag: "Cancelled"; readonly runId: Ids.RunId }
  | { readonly _tag: "MessageSent"; readonly runId: Ids.RunId; readonly inbox: number }
  | { readonly _tag: "Drain"; readonly drain: boolean }

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
     *
     * `consumed` is how many messages a run has consumed, of a run that consumes messages. Where more were sent to it, nothing changes: `InboxNotEmpty`.
     */
    readonly complete: (
      lease: LeaseRef,
      outcome: Outcome,
      last?: LastEvents,
      consumed?: number,
    ) => Effect.Effect<
      Completed,
      LeaseLost | RunNotFound | CursorMismatch | EventRefused | InboxNotEmpty | ControlPlaneError
    >

    /**
     * Frees the run until all of its interrupts are answered by `Runs.resume`, or until the pause is over, whichever is first.
     * Attempts are counted anew after it.
     *
     * Where it waits for answers, the log gets a RUN_FINISHED with outcome `interrupt`, and a run of whose open interrupts one
     * expires ends as failed with code `wait_expired`. Where it waits for no answer, the log gets a CUSTOM `runlease.waiting`.
     *
     * Fails: `SuspensionRefused` where the run does not have the children that it would wait for; its holder keeps it.
     */
    readonly suspend: (
      lease: LeaseRef,
      suspension: Suspension | Pause,
    ) => Effect.Effect<void, LeaseLost | RunNotFound | SuspensionRefused | ControlPlaneError>

    /**
     * Submits a child of the run, once: the same step again returns the first child. The end of a run cancels those of its children that
     * have not ended and are not detached.
     */
    readonly spawn: (
      lease: LeaseRef,
      spawn: Spawn,
    ) => Effect.Effect<
      Spawned,
      LeaseLost | RunNotFound | ChildRefused | InvalidSubmission | ControlPlaneError
    >

    /**
     * Appends events in addition to those of the holder, such as what the program of the run has to say, all or nothing. They get no step of the
     * sequence, so the holder continues with the cursor that it has; sent again, they are appended again. The control plane and the workers
     * alone write RUN_… and TOOL_CALL_… events and CUSTOM ones named `runlease.…`.
     *
     * Units: as those of `RunLog.append`.
     */
    readonly appendBeside: (
      lease: LeaseRef,
      events: ReadonlyArray<LogEvent>,
    ) => Effect.Effect<Appended, LeaseLost | RunNotFound | EventRefused | ControlPlaneError>

    /**
     * Makes a callback for a question that the run has not posed yet, or poses now: see `Callbacks`. Its token answers the question once the run
     * waits for that.
     */
    readonly callback: (
      lease: LeaseRef,
      callback: NewCallback,
    ) => Effect.Effect<IssuedCallback, LeaseLost | RunNotFound | CallbackRefused | ControlPlaneError>

    /** Sends a message to the run. */
    readonly tell: (
      lease: LeaseRef,
      message: NewMessage,
    ) => Effect.Effect<SentMessage, LeaseLost | RunNotFound | MessageRefused | ControlPlaneError>

    /**
     * Cancellations of the runs of this worker, messages to them, and requests of its operator, as they happen. Never ends by itself. It
     * stays silent where the control plane has no signals, and for a worker of another project.
     */
    readonly signals: (workerId: Ids.WorkerId) => Stream.Stream<LeaseSignal, ControlPlaneError>
  }
>() {}
