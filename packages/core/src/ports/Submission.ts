/** What a submitter requests: a run that is not there yet. */
import { Effect, Either, ParseResult, Schema, Struct } from "effect"
import { Debounce } from "../model/Debounce.js"
import { FairnessKey, FairnessWeight, fieldsOf, fairnessOf } from "../model/Fairness.js"
import { limitsOf, Seconds } from "../model/TimeLimits.js"
import { ConcurrencyKey, LimitKeys } from "./Limits.js"
import { Registration } from "./WorkerRegistry.js"
import { Limits } from "../model/TreeBudget.js"
import * as Ids from "../model/Ids.js"
import { isReservedRunId, reservedRunIdProblem } from "../model/Ids.js"
import { canonicalJson } from "../model/Json.js"
import { Labels } from "../model/Labels.js"
import { RequestSnapshot, trailingUserMessages } from "../model/RequestSnapshot.js"
import { type Run, Target, Trigger } from "../model/Run.js"

/**
 * What becomes of a submission whose lane has an unfinished run: it waits behind (`enqueue`); it is a message to the first of them and
 * no run (`steer`); it cancels them and goes (`interrupt`); it cancels those that no worker has claimed yet, and waits behind the others
 * (`latest`); it is refused (`reject`).
 */
export const Multitask = Schema.Literal("enqueue", "steer", "interrupt", "latest", "reject")
export type Multitask = typeof Multitask.Type

/** Whether workers of one version alone claim a run (`pinned`), which that of the first claim is, or those of any (`latest`). */
export const VersionPolicy = Schema.Literal("latest", "pinned")
export type VersionPolicy = typeof VersionPolicy.Type

/**
 * A run to be submitted. Only `agentId` is required.
 *
 * `publicId`: the run's id and its idempotency key, made when absent. `derived`: the server has derived it, so it may be in the space of
 * such ids (`Ids.isReservedRunId`); no request over HTTP has this. `conversationId`: one is made when
 * absent. `snapshot`: the conversation's messages when absent. `concurrencyKey`: the lane, the
 * conversation when absent, and null for no lane. `concurrencyLimit`: with it, at most this number of runs of the key work at once, and the key is
 * no lane; 1 to 100,000; the last submission of a key sets it. `limits`: its keys at limits with names, 2 at most, and 1 next to a
 * `concurrencyLimit`. `fairnessKey`: the waiting runs of different keys take turns; up to 128 characters. `fairnessWeight`: how many turns
 * the key has; 0.1 to 100, 1 when absent. `budget`: what the run and those below it may spend. `availableAt`: UTC, now when absent. `maxAttempts`: 1 to
 * 100, 3 when absent. `priority`: -1000 to 1000, 0 when absent, higher first. `ttlSeconds` and `timeoutSeconds`: its limits of time (see
 * `TimeLimits`), 1 second to 365 days, none when absent. `initialStatus: "running"`
 * means that another program executes the run: it is never claimed and has no lease, so it has no limits of time. `multitask`: `enqueue` when absent; a submission
 * without a lane, or with a new conversation for one, finds no other run. `labels`: 16 at most; the run has those of its
 * parent too, where it has none of that name. `batchId`: what the submitter calls the batch that the run is in. `debounce`: the run waits for
 * later submissions of a key, which it takes until a worker claims it. `versionPolicy`: that of its parent when absent, with the version of
 * the parent, and `latest` without a parent.
 */
export const Submission = Schema.Struct({
  publicId: Schema.optional(Ids.NewRunId),
  derived: Schema.optional(Schema.Literal(true)),
  conversationId: Schema.optional(Ids.ConversationId),
  parentRunId: Schema.optional(Ids.RunId),
  trigger: Schema.optional(Trigger),
  agentId: Ids.NewAgentId,
  mode: Schema.optional(Ids.visibleText(128)),
  implementationKind: Schema.optional(Registration.fields.implementationKind),
  workerKey: Schema.optional(Registration.fields.workerKey),
  versionPolicy: Schema.optional(VersionPolicy),
  initialStatus: Schema.optional(Schema.Literal("pending", "running")),
  sourceTarget: Schema.optional(Target),
  runtimeTarget: Schema.optional(Target),
  snapshot: Schema.optional(RequestSnapshot),
  priority: Schema.optional(Schema.Int.pipe(Schema.between(-1000, 1000))),
  availableAt: Schema.optional(Schema.DateTimeUtcFromNumber),
  maxAttempts: Schema.optional(Schema.Int.pipe(Schema.between(1, 100))),
  concurrencyKey: Schema.optional(Schema.NullOr(ConcurrencyKey)),
  concurrencyLimit: Schema.optional(Schema.Int.pipe(Schema.between(1, 100_000))),
  limits: Schema.optional(LimitKeys),
  fairnessKey: Schema.optional(FairnessKey),
  fairnessWeight: Schema.optional(FairnessWeight),
  budget: Schema.optional(Limits),
  multitask: Schema.optional(Multitask),
  ttlSeconds: Schema.optional(Seconds),
  timeoutSeconds: Schema.optional(Seconds),
  labels: Schema.optional(Labels),
  batchId: Schema.optional(Ids.visibleText(128)),
  debounce: Schema.optional(Debounce),
})
export type Submission = typeof Submission.Type

/** A submission as written by hand: ids may be plain strings. `Runs.submit` checks them. */
export type SubmissionInput = Omit<typeof Submission.Encoded, "availableAt"> & {
  readonly availableAt?: Submission["availableAt"]
}

export const defaultMaxAttempts = 3

/**
 * The request of a submission as text, by which two submissions of one public id are compared. A repeat may have
 * another trace context.
 */
export const requestText = ({ snapshot, ...submission }: Submission): string =>
  canonicalJson({
    ...submission,
    derived: undefined,
    snapshot: snapshot && { ...snapshot, traceContext: undefined, protocol: undefined },
  })

/** The submission has a value that no run can have, in `field`. Nothing was submitted. */
export class InvalidSubmission extends Schema.TaggedError<InvalidSubmission>(
  "@runlease/core/InvalidSubmission",
)("InvalidSubmission", { field: Schema.String, message: Schema.String }) {}

/** Run `runId` works in the lane of a submission that was to be rejected then. Nothing was submitted. */
export class ConversationBusy extends Schema.TaggedError<ConversationBusy>("@runlease/core/ConversationBusy")(
  "ConversationBusy",
  { runId: Schema.String },
) {
  override get message() {
    return `Run ${this.runId} has not ended; wait for its end, or choose another way to multitask`
  }
}

/**
 * What a submission became. `duplicate`: it was accepted before. `steered`: it became a message to `run`. `debounced`: it
 * became the input of `run`, which was submitted before and which no worker had claimed.
 */
export interface Submitted {
  readonly run: Run
  readonly duplicate: boolean
  readonly steered: boolean
  readonly debounced: boolean
}

const refused = (field: string, problem: string) =>
  Either.left(new InvalidSubmission({ field, message: field === "" ? problem : `${field}: ${problem}` }))

const validate = Schema.validateEither(Submission, { onExcessProperty: "preserve" })

/** The submission as the control plane takes it. */
export const check = (input: SubmissionInput): Either.Either<Submission, InvalidSubmission> => {
  const checked = validate(input)
  if (Either.isLeft(checked)) {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(checked.left)
    return refused(issue?.path.map(String).join(".") ?? "", issue?.message.split("\n")[0] ?? "is malformed")
  }
  const found = findProblem(checked.right)
  return found === undefined ? Either.right(checked.right) : refused(found.field, found.problem)
}

/** The submissions, when they are not too many to be sent together. */
export const checkCount = (
  submissions: ReadonlyArray<SubmissionInput>,
  most: number,
): Either.Either<ReadonlyArray<SubmissionInput>, InvalidSubmission> =>
  submissions.length > most
    ? Either.left(
        new InvalidSubmission({
          field: "runs",
          message: `runs: at most ${most} are submitted together, and not ${submissions.length}`,
        }),
      )
    : Either.right(submissions)

/**
 * `Runs.submit` of a control plane that takes checked submissions. Every control plane is made with it, so that
 * they all refuse the same.
 */
export const submitChecked =
  <A, E>(
    submit: (submission: Submission) => Effect.Effect<A, E>,
  ): ((input: SubmissionInput) => Effect.Effect<A, E | InvalidSubmission>) =>
  (input: SubmissionInput) =>
    Effect.flatMap(check(input), submit)

/** The submission that repeats a run, without the answers of its request: those of a run are its own. */
export const again = (
  run: Run,
  { resume: _answers, ...snapshot }: RequestSnapshot,
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
  ...limitsOf(run),
  ...(run.concurrencyLimit === undefined ? {} : { concurrencyLimit: run.concurrencyLimit }),
  ...(run.limits === undefined ? {} : { limits: run.limits }),
  ...fieldsOf(fairnessOf(run)),
})

/** What is wrong with the request of a submission that steers: it has a message for the run that works. */
const steered = ({ multitask, snapshot }: Submission): string | undefined =>
  multitask !== "steer" || trailingUserMessages(snapshot).length > 0
    ? undefined
    : "must end with a message of the user for the run that works"

/** What is wrong with a limit of time. */
const timed = (submission: Submission): string | undefined =>
  submission.initialStatus !== "running" || limitsOf(submission) === null
    ? undefined
    : "a run that its submitter executes has no lease, so it has no limits of time"

/** What is wrong with the public id of a submission: another may be derived that the server is yet to begin a run by. */
const reservedId = ({ derived, publicId: id }: Submission): string | undefined =>
  id !== undefined && derived !== true && isReservedRunId(id) ? reservedRunIdProblem : undefined

/** What is wrong with the answers of a submission: only a run that waits takes one, so its request brings none. */
const answers = ({ snapshot }: Submission): string | undefined =>
  (snapshot?.resume ?? []).length === 0
    ? undefined
    : "a submission brings no answers; give them to the run while it waits for them"

/** What is wrong with the limits with names of a submission. */
const namedLimits = ({
  concurrencyLimit,
  initialStatus,
  limits: named = {},
}: Submission): string | undefined => {
  const count = Object.keys(named).length
  if (count > 0 && initialStatus === "running")
    return "a run that its submitter drives waits for no place; leave it out"
  return count > 1 && concurrencyLimit !== undefined
    ? "takes 1 limit at most next to a limit of the concurrency key"
    : undefined
}

/** What is wrong with the limit of the concurrency key of a submission. */
const concurrencyLimit = ({
  concurrencyKey,
  concurrencyLimit: most,
  initialStatus,
  multitask = "enqueue",
}: Submission): string | undefined => {
  if (most === undefined) return undefined
  if (concurrencyKey == null) return "needs a concurrency key: the limit is of the runs that share it"
  if (initialStatus === "running") return "a run that its submitter drives waits for no place; leave it out"
  return multitask === "enqueue"
    ? undefined
    : `multitask ${multitask} is about the runs of a lane, and a key with a limit is none; leave one of the two out`
}

/** What a debounced submission goes without: the run could not have it of each submission that it takes. */
const withoutDebounce = {
  availableAt: "a time",
  conversationId: "a conversation",
  parentRunId: "a parent",
  multitask: "a multitask",
} as const

/** What is wrong with the debounce of a submission. */
const debounced = (submission: Submission): string | undefined => {
  const { debounce: wait, initialStatus } = submission
  if (wait === undefined) return undefined
  const { maxSeconds, seconds } = wait
  if (maxSeconds !== undefined && maxSeconds < seconds)
    return `${maxSeconds} seconds in all are less than ${seconds}`
  if (initialStatus === "running") return "a run that its submitter executes takes no later submission"
  const excluded = Struct.keys(withoutDebounce).find((field) => submission[field] !== undefined)
  return excluded && `goes without ${withoutDebounce[excluded]}, since the next submission may have another`
}

/** What is wrong with the fairness key of a submission. */
const fairnessKey = ({ fairnessKey: key, initialStatus }: Submission): string | undefined =>
  key !== undefined && initialStatus === "running"
    ? "a run that its submitter executes waits for no worker; leave it out"
    : undefined

/** What is wrong with the weight of the fairness key of a submission. */
const fairnessWeight = ({ fairnessKey: key, fairnessWeight: weight }: Submission): string | undefined =>
  key === undefined && weight !== undefined ? "needs a fairness key: the weight is that of a key" : undefined

/** What is wrong with the version policy of a submission. */
const versionPolicy = ({ initialStatus, versionPolicy: policy }: Submission): string | undefined =>
  policy === "pinned" && initialStatus === "running"
    ? "a run that its submitter executes has no worker; leave it out"
    : undefined

type Rule = readonly [
  present: keyof Submission,
  field: string,
  problemOf: (submission: Submission) => string | undefined,
]

/** Each rule is of the submissions that have `present`, and is reported for `field`. */
const rules: ReadonlyArray<Rule> = [
  ["multitask", "snapshot", steered],
  ["ttlSeconds", "ttlSeconds", timed],
  ["timeoutSeconds", "timeoutSeconds", timed],
  ["publicId", "publicId", reservedId],
  ["snapshot", "snapshot.resume", answers],
  ["concurrencyLimit", "concurrencyLimit", concurrencyLimit],
  ["limits", "limits", namedLimits],
  ["debounce", "debounce", debounced],
  ["fairnessKey", "fairnessKey", fairnessKey],
  ["fairnessWeight", "fairnessWeight", fairnessWeight],
  ["versionPolicy", "versionPolicy", versionPolicy],
]

/** The first field with a problem, and the problem; undefined for none. */
const findProblem = (
  submission: Submission,
): { readonly field: string; readonly problem: string } | undefined => {
  for (const [present, field, problemOf] of rules) {
    const problem = submission[present] === undefined ? undefined : problemOf(submission)
    if (problem !== undefined) return { field, problem }
  }
  return undefined
}
