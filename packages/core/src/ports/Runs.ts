/**
 * The port of runs as their submitters see them.
 *
 * @since 0.1.0
 */
import { Context, Effect, Either, ParseResult, Schema } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { ConversationNotFound } from "./Conversations.js"
import type { FollowUp, FollowedUp, TakenInput } from "./FollowUp.js"
import * as Ids from "../model/Ids.js"
import type { Answers } from "../model/Interrupt.js"
import { canonicalJson } from "../model/Json.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import { RequestSnapshot } from "../model/RequestSnapshot.js"
import type {
  Fence,
  LeaseLost,
  LeaseRef,
  RunEnded,
  RunError,
  RunStatus,
  TerminalStatus,
} from "../model/Run.js"
import { type Run, type RunNotFound, Target, Trigger } from "../model/Run.js"
import type { SessionRecord, WorkerSession } from "../model/WorkerSession.js"

/**
 * A run to be submitted. Only `agentId` is required.
 *
 * `publicId`: the run's id and its idempotency key, made when absent. `conversationId`: one is made when
 * absent. `snapshot`: the conversation's messages when absent. `concurrencyKey`: the lane, the
 * conversation when absent, and null for no lane. `availableAt`: UTC, now when absent. `maxAttempts`: 1 to
 * 100, 3 when absent. `priority`: -1000 to 1000, 0 when absent, higher first. `initialStatus: "running"`
 * means that another program executes the run: it is never claimed and has no lease.
 *
 * @since 0.1.0
 * @category models
 */
export const Submission = Schema.Struct({
  publicId: Schema.optional(Ids.NewRunId),
  conversationId: Schema.optional(Ids.ConversationId),
  parentRunId: Schema.optional(Ids.RunId),
  trigger: Schema.optional(Trigger),
  agentId: Ids.NewAgentId,
  mode: Schema.optional(Ids.StorableText),
  implementationKind: Schema.optional(Ids.StorableText),
  workerKey: Schema.optional(Ids.StorableText),
  initialStatus: Schema.optional(Schema.Literal("pending", "running")),
  sourceTarget: Schema.optional(Target),
  runtimeTarget: Schema.optional(Target),
  snapshot: Schema.optional(RequestSnapshot),
  priority: Schema.optional(Schema.Int.pipe(Schema.between(-1000, 1000))),
  availableAt: Schema.optional(Schema.DateTimeUtcFromNumber),
  maxAttempts: Schema.optional(Schema.Int.pipe(Schema.between(1, 100))),
  concurrencyKey: Schema.optional(Schema.NullOr(Ids.text(256))),
})
export type Submission = typeof Submission.Type

/** A submission as written by hand: ids may be plain strings. `Runs.submit` checks them. */
export type SubmissionInput = Omit<typeof Submission.Encoded, "availableAt"> & {
  readonly availableAt?: Submission["availableAt"]
}

export const defaultMaxAttempts = 3

/**
 * The request of a submission as text, which tells whether two submissions of one public id are the same. A repeat may have
 * another trace context.
 *
 * @since 0.1.0
 * @category models
 */
export const requestText = ({ snapshot, ...submission }: Submission): string =>
  canonicalJson({
    ...submission,
    snapshot: snapshot && { ...snapshot, traceContext: undefined, protocol: undefined },
  })

/** How a run ends. The event that closes its log tells metadata and result, unless that event would be too large. */
export interface Outcome {
  readonly status: TerminalStatus
  readonly error?: RunError | undefined
  /** Replaces the run's metadata when present. */
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined
  /** What the run gives, as JSON; null is nothing. */
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
 * for; absent from a control plane that does not tell.
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

/** The run has not ended, so it is not submitted again. */
export class RunUnfinished extends Schema.TaggedError<RunUnfinished>("@runlease/core/RunUnfinished")(
  "RunUnfinished",
  { runId: Schema.String, status: Schema.String },
) {
  override get message() {
    return `Run ${this.runId} is ${this.status}; cancel it, or wait for its end`
  }
}

/** The submission has a value that no run can have, in `field`. Nothing was submitted. */
export class InvalidSubmission extends Schema.TaggedError<InvalidSubmission>(
  "@runlease/core/InvalidSubmission",
)("InvalidSubmission", { field: Schema.String, message: Schema.String }) {}

const validate = Schema.validateEither(Submission, { onExcessProperty: "preserve" })

/**
 * The submission as the control plane takes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (input: SubmissionInput): Either.Either<Submission, InvalidSubmission> =>
  Either.mapLeft(validate(input), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = issue?.path.map(String).join(".") ?? ""
    const problem = issue?.message.split("\n")[0] ?? "is malformed"
    return new InvalidSubmission({ field, message: field === "" ? problem : `${field}: ${problem}` })
  })

/**
 * `Runs.submit` of a control plane that takes checked submissions. Every control plane is made with it, so that
 * they all refuse the same.
 *
 * @since 0.1.0
 * @category constructors
 */
export const submitChecked =
  <A, E>(
    submit: (submission: Submission) => Effect.Effect<A, E>,
  ): ((input: SubmissionInput) => Effect.Effect<A, E | InvalidSubmission>) =>
  (input: SubmissionInput) =>
    Effect.flatMap(check(input), submit)

/**
 * The submission that repeats a run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const again = (
  run: Run,
  snapshot: RequestSnapshot,
  publicId: string | undefined,
): SubmissionInput => ({
  ...(publicId === undefined ? {} : { publicId }),
  agentId: run.agentId,
  conversationId: run.conversationId,
  parentRunId: run.runId,
  ...(run.trigger === null ? {} : { trigger: run.trigger }),
  ...(run.mode === null ? {} : { mode: run.mode }),
  ...(run.implementationKind === null ? {} : { implementationKind: run.implementationKind }),
  ...(run.workerKey === null ? {} : { workerKey: run.workerKey }),
  sourceTarget: run.sourceTarget,
  runtimeTarget: run.runtimeTarget,
  snapshot,
  priority: run.priority,
  maxAttempts: run.maxAttempts,
  concurrencyKey: run.concurrencyKey,
})

export interface ListRuns extends PageRequest {
  readonly status?: RunStatus | undefined
  readonly agentId?: Ids.AgentId | undefined
  readonly conversationId?: Ids.ConversationId | undefined
  readonly parentRunId?: Ids.RunId | undefined
}

export class Runs extends Context.Tag("@runlease/core/Runs")<
  Runs,
  {
    /** Accepts a run, once: the same public id with the same request gives the first run and `duplicate`. */
    readonly submit: (
      submission: SubmissionInput,
    ) => Effect.Effect<
      { readonly run: Run; readonly duplicate: boolean },
      ConversationNotFound | InvalidSubmission | RunNotFound | SubmissionConflict | ControlPlaneError
    >

    /** A run by its id, or by that of an input that it has taken since. So do `snapshot`, `cancel`, `resume` and `complete`. */
    readonly get: (runId: Ids.RunId) => Effect.Effect<Run, RunNotFound | ControlPlaneError>

    /** What the run's next claim gives its worker to do: the request, with the answers of every wait so far. */
    readonly snapshot: (runId: Ids.RunId) => Effect.Effect<RequestSnapshot, RunNotFound | ControlPlaneError>

    /** Newest first. */
    readonly list: (options?: ListRuns) => Effect.Effect<Page<Run>, InvalidCursor | ControlPlaneError>

    /** Ends the run as cancelled, also while a worker holds it. `cancelled` is false when it had ended before. */
    readonly cancel: (
      runId: Ids.RunId,
    ) => Effect.Effect<{ readonly cancelled: boolean; readonly run: Run }, RunNotFound | ControlPlaneError>

    /**
     * Submits a run once more that has ended: the same request under a new id, or under `publicId`, which makes it idempotent as in
     * `submit`. The new run names the one that it repeats as its parent; it is no child of it.
     */
    readonly retry: (
      runId: Ids.RunId,
      options?: { readonly publicId?: string | undefined },
    ) => Effect.Effect<
      { readonly run: Run; readonly duplicate: boolean },
      InvalidSubmission | RunNotFound | RunUnfinished | SubmissionConflict | ControlPlaneError
    >

    /**
     * Answers what a waiting run is suspended for, all of `answers` or none. The store collects answers until nothing is open;
     * then the run is pending again, and they are in its next claim's snapshot. The same answers again change
     * nothing: `duplicate`.
     */
    readonly resume: (
      runId: Ids.RunId,
      answers: Answers,
    ) => Effect.Effect<
      { readonly duplicate: boolean; readonly run: Run },
      RunNotFound | NotWaiting | ControlPlaneError
    >

    /**
     * Gives the run the next input of its client, under a public id of its own, by the rules of `FollowUp`. It is one step:
     * of two inputs at once, one makes the run go on. The same input under the same id is a duplicate.
     *
     * Fails: `SubmissionConflict` when the id names a run, or another input. `NotWaiting` when an answer differs from one
     * that the run has, or names no interrupt of the run while the input has nothing beside its answers.
     */
    readonly followUp: (
      runId: Ids.RunId,
      followUp: FollowUp,
    ) => Effect.Effect<FollowedUp, RunNotFound | NotWaiting | SubmissionConflict | ControlPlaneError>

    /**
     * The inputs that a run has taken since it was submitted, oldest first, each with the event after which the run went on
     * with it. A run that does not exist has taken none.
     */
    readonly inputs: (
      runId: Ids.RunId,
    ) => Effect.Effect<ReadonlyArray<Pick<TakenInput, "publicId" | "since">>, ControlPlaneError>

    /**
     * Ends the run. The first outcome stands: `completed` is false on a run that had ended, and the run is as
     * it was. Without a fence the caller is trusted; with one it must hold the lease.
     */
    readonly complete: (
      runId: Ids.RunId,
      outcome: Outcome,
      fence?: Fence,
    ) => Effect.Effect<
      { readonly completed: boolean; readonly run: Run },
      RunNotFound | LeaseLost | ControlPlaneError
    >

    /** Records or updates the worker session of a held run. */
    readonly recordSession: (
      lease: LeaseRef,
      record: SessionRecord,
    ) => Effect.Effect<WorkerSession, RunNotFound | LeaseLost | RunEnded | ControlPlaneError>
  }
>() {}
