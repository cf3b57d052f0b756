/** The port of runs as their submitters see them. */
import { Context, type Effect, type Either, Schema } from "effect"
import type * as Ids from "../model/Ids.js"
import { maxMessages } from "../model/InboxMessage.js"
import type { Answers } from "../model/Interrupt.js"
import type { LabelChanges } from "../model/Labels.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type { MessagePart, RequestSnapshot } from "../model/RequestSnapshot.js"
import type { Edit } from "../model/RunEdits.js"
import type {
  EventId,
  Fence,
  LeaseLost,
  LeaseRef,
  Run,
  RunEnded,
  RunError,
  RunNotFound,
  TerminalStatus,
} from "../model/Run.js"
import type { SessionRecord, WorkerSession } from "../model/WorkerSession.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { ConversationNotFound } from "./Conversations.js"
import type { AcceptedInput, FollowedUp, FollowUp } from "./FollowUp.js"
import type { InboxNotEmpty } from "./Leases.js"
import type { LabelsRefused } from "./RunLabels.js"
import { maxEventBytes } from "./RunLog.js"
import type { ConversationBusy, InvalidSubmission, SubmissionInput, Submitted } from "./Submission.js"
import type { ListOrder, SummaryFilter } from "./Summaries.js"

// Why a run is not forked or retried, why it takes no message, and why a submission becomes no run for now.

/**
 * The run cannot be forked there. `no_event`: its log has no such event. `too_large`: it had recorded more than 10,000 events or 16
 * MiB by then.
 */
export class ForkRefused extends Schema.TaggedError<ForkRefused>("@runlease/core/ForkRefused")(
  "ForkRefused",
  {
    runId: Schema.String,
    after: Schema.Number,
    reason: Schema.Literal("no_event", "too_large"),
  },
) {
  override get message() {
    return this.reason === "no_event"
      ? `The log of run ${this.runId} has no event ${this.after}`
      : `Run ${this.runId} had recorded too much by event ${this.after}: a fork copies up to 10,000 events and 16 MiB`
  }
}

/** An edit of a fork does not fit. `field` is its place, such as `edits.0.result`. Nothing was submitted. */
export class EditRefused extends Schema.TaggedError<EditRefused>("@runlease/core/EditRefused")(
  "EditRefused",
  { field: Schema.String, message: Schema.String },
) {}

/** The run is not submitted again with its records. `too_large`: they are more than 10,000 events or 16 MiB. */
export class RetryRefused extends Schema.TaggedError<RetryRefused>("@runlease/core/RetryRefused")(
  "RetryRefused",
  { runId: Schema.String, reason: Schema.Literal("too_large") },
) {
  override get message() {
    return `Run ${this.runId} has recorded more than a retry copies, 10,000 events and 16 MiB; retry it from the start, or fork it at an earlier event`
  }
}

/** The run does not take the message. `too_large`: it is more than an event of the log takes. `too_many`: the run has 10,000 messages. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>("@runlease/core/MessageRefused")(
  "MessageRefused",
  { runId: Schema.String, reason: Schema.Literal("too_large", "too_many") },
) {
  override get message() {
    return this.reason === "too_large"
      ? `The message is too large: it must be less than ${maxEventBytes} bytes of JSON`
      : `Run ${this.runId} has ${maxMessages} messages, and takes no more`
  }
}

/**
 * As many runs of the key `key` of limit `name` wait for their first start as its `maxPending` allows. Nothing is changed. The same submission
 * may be sent again after `retryAfterSeconds`.
 */
export class TooManyPending extends Schema.TaggedError<TooManyPending>("@runlease/core/TooManyPending")(
  "TooManyPending",
  { name: Schema.String, key: Schema.String, maxPending: Schema.Number, retryAfterSeconds: Schema.Number },
) {
  override get message() {
    return `Limit ${this.name} takes no further run of ${this.key} for now: ${this.maxPending} may wait for their start`
  }
}

export {
  again,
  check,
  ConversationBusy,
  defaultMaxAttempts,
  InvalidSubmission,
  Multitask,
  VersionPolicy,
  requestText,
  Submission,
  submitChecked,
  checkCount,
  type SubmissionInput,
  type Submitted,
} from "./Submission.js"

export { LabelsRefused } from "./RunLabels.js"

/** Why a submission becomes no run. */
export type SubmitRefusal =
  | ConversationNotFound
  | InvalidSubmission
  | RunNotFound
  | SubmissionConflict
  | ConversationBusy
  | MessageRefused
  | TooManyPending

/** The most submissions that are sent together. */
export const maxSubmissions = 500

/** How a run ends. The event that closes its log has metadata and result, unless that event would be too large. */
export interface Outcome {
  readonly status: TerminalStatus
  readonly error?: RunError | undefined
  /** Replaces the run's metadata when present. */
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined
  /** The result of the run, as JSON; null is nothing. */
  readonly result?: unknown
}

/** That public id names a run with another request, or an input of a run. */
export class SubmissionConflict extends Schema.TaggedError<SubmissionConflict>(
  "@runlease/core/SubmissionConflict",
)("SubmissionConflict", { publicId: Schema.String }) {
  override get message() {
    return `Run ${this.publicId} exists with another request; choose another public id`
  }
}

/**
 * The run does not wait for an answer to that interrupt. `answered`: it was answered otherwise. `open`: what the run waits
 * for; absent from a control plane that does not report it.
 */
export class NotWaiting extends Schema.TaggedError<NotWaiting>("@runlease/core/NotWaiting")("NotWaiting", {
  runId: Schema.String,
  interruptId: Schema.String,
  answered: Schema.Boolean,
  open: Schema.optional(Schema.Array(Schema.String)),
}) {
  override get message() {
    const reason = this.answered
      ? `Run ${this.runId} was given another answer to ${this.interruptId}`
      : `Run ${this.runId} is not waiting for an answer to ${this.interruptId}`
    if (this.open === undefined) return reason
    return this.open.length === 0
      ? `${reason}; it waits for nothing`
      : `${reason}; it waits for ${this.open.join(", ")}`
  }
}

/**
 * The answer is none that the question takes: its edits are for a question that allows none, come with a refusal, or do not fit. Nothing is
 * changed, and the run waits as before. `field` is that of the answer, such as `payload.editedArgs`.
 */
export class AnswerRefused extends Schema.TaggedError<AnswerRefused>("@runlease/core/AnswerRefused")(
  "AnswerRefused",
  { runId: Schema.String, interruptId: Schema.String, field: Schema.String, message: Schema.String },
) {}

/** The run has not ended, so it is not submitted again. */
export class RunUnfinished extends Schema.TaggedError<RunUnfinished>("@runlease/core/RunUnfinished")(
  "RunUnfinished",
  { runId: Schema.String, status: Schema.String },
) {
  override get message() {
    return `Run ${this.runId} is ${this.status}; cancel it, or wait for its end`
  }
}

/** A message to a run. `idempotencyKey`: the same key again returns the first message, 1 to 200 characters. */
export interface NewMessage {
  readonly parts: ReadonlyArray<MessagePart>
  readonly idempotencyKey?: string | undefined
}

/** A message that was sent to a run: its id in the conversation of the run. */
export interface SentMessage {
  readonly id: string
  readonly duplicate: boolean
}

/** Where a fork continues, and what it has in place of what its run had: 100 edits at most. */
export interface ForkOptions {
  readonly after: EventId
  readonly publicId?: string | undefined
  readonly edits?: ReadonlyArray<Edit> | undefined
}

/**
 * Which runs a list has, as `SummaryFilter` of `Summaries.runs` says it. Several values of one condition, `errorCode`, `metadata` and `roots` are
 * looked for among 5,000 runs a page at most: such a page may be short, or empty, and its `next` continues.
 */
export interface ListRuns extends PageRequest, ListOrder, Omit<SummaryFilter, "attempt" | "text"> {}

export class Runs extends Context.Tag("@runlease/core/Runs")<
  Runs,
  {
    /**
     * Accepts a run, once: the same public id with the same request returns the first run and `duplicate`, or the run that has it as a message.
     *
     * `multitask` of the submission says what becomes of the unfinished runs of its lane, and of it. It is decided in the commit of
     * the submission, so no run begins or ends in between. A public id that became a message names the run that has it.
     *
     * Fails: `ConversationBusy` for `reject`, `MessageRefused` for `steer` where the run takes no such message, `TooManyPending`.
     */
    readonly submit: (
      submission: SubmissionInput,
    ) => Effect.Effect<Submitted, SubmitRefusal | ControlPlaneError>

    /**
     * Submits up to 500 runs in one commit, each as `submit` does, in their order: what one becomes is in its place of the answer, and
     * one that is refused leaves the others as they are. When the call fails, it may be sent again where the runs have public ids.
     *
     * Fails: `InvalidSubmission` of field `runs` for more than 500.
     */
    readonly submitMany: (
      submissions: ReadonlyArray<SubmissionInput>,
    ) => Effect.Effect<
      ReadonlyArray<Either.Either<Submitted, SubmitRefusal>>,
      InvalidSubmission | ControlPlaneError
    >

    /** A run by its id, or by that of an input that it has accepted since. So do `snapshot`, `cancel`, `resume` and `complete`. */
    readonly get: (runId: Ids.RunId) => Effect.Effect<Run, RunNotFound | ControlPlaneError>

    /**
     * What the run's next claim hands to its worker: the request, with the answers of every wait so far. `own`: without the messages that
     * it carries from earlier runs, which `carries` names then. A client over HTTP returns all of them in any case.
     */
    readonly snapshot: (
      runId: Ids.RunId,
      options?: { readonly own?: boolean },
    ) => Effect.Effect<RequestSnapshot, RunNotFound | ControlPlaneError>

    /** Newest first, unless the request says otherwise. */
    readonly list: (options?: ListRuns) => Effect.Effect<Page<Run>, InvalidCursor | ControlPlaneError>

    /** Ends the run as cancelled, also while a worker holds it. `cancelled` is false when it had ended before. */
    readonly cancel: (
      runId: Ids.RunId,
    ) => Effect.Effect<{ readonly cancelled: boolean; readonly run: Run }, RunNotFound | ControlPlaneError>

    /**
     * Changes labels of a run, also of one that has ended: each name gets its value, or is removed where that is null. Returns the run.
     *
     * Fails: `LabelsRefused` for a label that no run can have, and where the run would have more than 16.
     */
    readonly label: (
      runId: Ids.RunId,
      changes: LabelChanges,
    ) => Effect.Effect<Run, RunNotFound | LabelsRefused | ControlPlaneError>

    /**
     * Submits a run once more that has ended: the same request under a new id, or under `publicId`, which makes it idempotent as in
     * `submit`. The new run names the one that it repeats as its parent; it is no child of it.
     *
     * It is as a later attempt of that run, with its own attempts: its log begins with what that run had recorded, without the steps that
     * have failed, and it has the answers, the messages and the session of that run. So it does none of that again, and begins with what
     * failed. `fromStart`: it has nothing of that run but its first request, and does all of it again. A public id names one of the two. `derived`: as in a submission.
     */
    readonly retry: (
      runId: Ids.RunId,
      options?: {
        readonly publicId?: string | undefined
        readonly derived?: true | undefined
        readonly fromStart?: boolean | undefined
      },
    ) => Effect.Effect<
      { readonly run: Run; readonly duplicate: boolean },
      | InvalidSubmission
      | RetryRefused
      | RunNotFound
      | RunUnfinished
      | SubmissionConflict
      | TooManyPending
      | ControlPlaneError
    >

    /**
     * Submits a run once more, ended or not, whose log begins with what the log of this one had recorded by the event `after`: the
     * results of steps, sleeps that were over then, and the messages and tool calls that records name. So the fork does not do that
     * again, and continues from there. It spawns its children anew, gets none of the messages to this run, and no usage.
     *
     * `edits`: what the fork has in place of what this run had recorded or was submitted with. Each is checked as the value was that it
     * replaces, and is listed in the first event of the fork (`RunEdits`).
     *
     * The request, the parent and `publicId` are as in `retry`.
     *
     * Fails: `EditRefused` for an edit of what the run does not have by then, and for one that does not fit.
     */
    readonly fork: (
      runId: Ids.RunId,
      options: ForkOptions,
    ) => Effect.Effect<
      { readonly run: Run; readonly duplicate: boolean },
      | EditRefused
      | ForkRefused
      | InvalidSubmission
      | RunNotFound
      | SubmissionConflict
      | TooManyPending
      | ControlPlaneError
    >

    /**
     * Answers what a waiting run is suspended for, all of `answers` or none. The store collects answers until nothing is open;
     * then the run is pending again, and they are in its next claim's snapshot. The same answers again change
     * nothing: `duplicate`.
     *
     * Fails: `NotWaiting`, and `AnswerRefused` for edits of what the question does not let edit.
     */
    readonly resume: (
      runId: Ids.RunId,
      answers: Answers,
    ) => Effect.Effect<
      { readonly duplicate: boolean; readonly run: Run },
      RunNotFound | NotWaiting | AnswerRefused | ControlPlaneError
    >

    /**
     * Sends a message to a run that has not ended. The message is in its conversation from then on. A run that takes messages
     * (see `Inbox`) gets it, before it ends at the latest; one that takes none leaves it to the next run of the conversation. A repeat
     * finds the first message also when the run has ended since.
     */
    readonly tell: (
      runId: Ids.RunId,
      message: NewMessage,
    ) => Effect.Effect<SentMessage, RunNotFound | RunEnded | MessageRefused | ControlPlaneError>

    /**
     * Passes the next input of its client to the run, under a separate public id, by the rules of `FollowUp`. It is one step:
     * of two inputs at once, one makes the run go on. The same input under the same id is a duplicate.
     *
     * Fails: `SubmissionConflict` when the id names a run, or another input. `NotWaiting` when an answer differs from one
     * that the run has, or names no interrupt of the run while the input has nothing besides its answers. `AnswerRefused` as `resume` does.
     */
    readonly followUp: (
      runId: Ids.RunId,
      followUp: FollowUp,
    ) => Effect.Effect<
      FollowedUp,
      RunNotFound | NotWaiting | AnswerRefused | SubmissionConflict | ControlPlaneError
    >

    /**
     * The inputs that a run has accepted since it was submitted, oldest first, each with the event after which the run went on
     * with it. A run that does not exist has accepted none.
     */
    readonly inputs: (
      runId: Ids.RunId,
    ) => Effect.Effect<ReadonlyArray<Pick<AcceptedInput, "publicId" | "since">>, ControlPlaneError>

    /**
     * Ends the run. The first outcome remains: `completed` is false on a run that had ended, and the run is as
     * it was. Without a fence the caller is trusted; with one it must hold the lease. `consumed` is as in `Leases.complete`.
     */
    readonly complete: (
      runId: Ids.RunId,
      outcome: Outcome,
      fence?: Fence,
      consumed?: number,
    ) => Effect.Effect<
      { readonly completed: boolean; readonly run: Run },
      RunNotFound | LeaseLost | InboxNotEmpty | ControlPlaneError
    >

    /** Records or updates the worker session of a run under a lease. */
    readonly recordSession: (
      lease: LeaseRef,
      record: SessionRecord,
    ) => Effect.Effect<WorkerSession, RunNotFound | LeaseLost | RunEnded | ControlPlaneError>
  }
>() {}
