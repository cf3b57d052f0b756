/**
 * Submissions: those of one commit become runs together.
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import * as Labels from "../../model/Labels.js"
import * as RequestSnapshot from "../../model/RequestSnapshot.js"
import { RunNotFound } from "../../model/Run.js"
import { ConversationNotFound } from "../../ports/Conversations.js"
import type { TakenInput } from "../../ports/FollowUp.js"
import {
  type ConversationBusy,
  InvalidSubmission,
  type MessageRefused,
  SubmissionConflict,
  type Submitted,
  type TooManyPending,
} from "../../ports/Runs.js"
import * as LimitRules from "../../rules/LimitRules.js"
import type { ChildSpec } from "../../rules/RunState.js"
import { eventId } from "../../rules/Transition.js"
import type { AddedRun } from "../commit/HandOver.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import { logKey } from "../commit/Wakeups.js"
import type { LimitSetting } from "../rows/LimitRows.js"
import { type DetailChanges, maxConversationBytes, type RunRef, type StoredRun } from "../rows/RunRows.js"
import * as Debounce from "./Debounce.js"
import * as Multitask from "./Multitask.js"
import { type Accepted, answerOf, asRun, type Decision, decisionsOf } from "./SubmitAnswers.js"
import * as SubmitLimits from "./SubmitLimits.js"
import * as SubmitReads from "./SubmitReads.js"
import * as SubmitTraits from "./SubmitTraits.js"
import {
  fingerprintOf,
  laneName,
  laneOf,
  newRun,
  type Parent,
  type Place,
  type Request,
} from "./SubmitRequest.js"

export type Refusal =
  | ConversationNotFound
  | RunNotFound
  | SubmissionConflict
  | ConversationBusy
  | InvalidSubmission
  | MessageRefused
  | TooManyPending

/**
 * What a submission is beside its own run: its place in a tree, or null for a root. `refusable`: limits may refuse it since too many runs
 * are pending. `accepted` is called for a new run.
 */
export interface Placing<R, E> {
  readonly refusable: boolean
  readonly placeOf: (request: R) => Either.Either<ChildSpec | null, E>
  readonly accepted: (request: R, child: ChildSpec | null) => void
}

/** Each submission is a root. */
export const roots: Placing<Request, never> = {
  refusable: true,
  placeOf: () => Either.right(null),
  accepted: () => {},
}

/** The submissions of one commit: what was found for them, and the new runs that they have become so far. */
interface Submissions<X> {
  readonly batch: RunBatch<X>
  readonly found: SubmitReads.Found
  /** By the names of their logs. */
  readonly accepted: Map<string, AddedRun>
  /** Those that are not in the store yet. */
  readonly added: Array<AddedRun>
  /** The limits that those set, by their names: the last one stands. */
  readonly limits: Map<string, LimitSetting>
  readonly pending: SubmitLimits.Accepted
}

/** The details and the submission of a run that is there already, or that this commit has accepted so far. */
const submittedBefore = <X>({ accepted, batch, found }: Submissions<X>, ref: RunRef) => {
  const run = batch.find(ref)
  return accepted.get(logKey(ref))?.run ?? (run && found.details.get(run.key))
}

/** What became of the same submission before; a conflict where another one has its public id, and undefined where none has. */
const repeated = <X>(
  submissions: Submissions<X>,
  request: Request,
): Either.Either<Accepted, SubmissionConflict> | undefined => {
  const { inputs, taken } = submissions.found
  const { projectId, runId, sent } = request
  const before = submittedBefore(submissions, request)
  if (before?.submission === sent) return Either.right({ ...asRun, ref: request, duplicate: true })
  const input = taken.get(logKey(request))
  if (before === undefined && input !== undefined && input.fingerprint === fingerprintOf(request)) {
    const debounced = request.submission.debounce !== undefined
    return Either.right({
      ref: { projectId, runId: input.runId },
      duplicate: true,
      steered: !debounced,
      debounced,
    })
  }
  return before !== undefined || inputs.has(logKey(request))
    ? Either.left(new SubmissionConflict({ publicId: runId }))
    : undefined
}

/** The parent that a submission names, with its root; undefined where it does not exist. */
const parentOf = <X>(submissions: Submissions<X>, request: Request): Parent | undefined => {
  const { projectId, runId, submission } = request
  if (submission.parentRunId === undefined)
    return { parentRunId: null, rootRunId: runId, labels: Labels.none }
  const named = { projectId, runId: submission.parentRunId }
  const parentRunId = submissions.found.inputs.get(logKey(named)) ?? named.runId
  const parent = submittedBefore(submissions, { projectId, runId: parentRunId })
  return parent && { parentRunId, rootRunId: parent.details.rootRunId, labels: parent.details.labels }
}

/** The request as the executor gets it: that of the submission, else the messages of its conversation. */
const snapshotOf = <X>(
  { found: { histories } }: Submissions<X>,
  request: Request,
): Either.Either<RequestSnapshot.RequestSnapshot, ConversationNotFound | InvalidSubmission> => {
  const { conversationId, submission } = request
  const history = histories.get(SubmitReads.conversationName(request))
  if (submission.conversationId !== undefined && history === undefined) {
    return Either.left(new ConversationNotFound({ conversationId }))
  }
  if (submission.snapshot !== undefined) return Either.right(submission.snapshot)
  if (history === "too_large") {
    return Either.left(
      new InvalidSubmission({
        field: "snapshot",
        message: `snapshot: conversation ${conversationId} has more than ${maxConversationBytes} bytes of messages; send those that the run needs`,
      }),
    )
  }
  return Either.right({ ...RequestSnapshot.empty, messages: history ?? [] })
}

/** Records that a run has taken a submission as its input. */
const takeInput = <X>({ found }: Submissions<X>, request: Request, { state }: StoredRun): DetailChanges => {
  const { runId } = state.spec
  if (request.submission.publicId === undefined) return {}
  const input: TakenInput = {
    runId,
    publicId: request.runId,
    since: eventId(0),
    fingerprint: fingerprintOf(request),
  }
  found.taken.set(logKey(request), input)
  found.inputs.set(logKey(request), runId)
  return { inputs: [input] }
}

/** The runs of the lane that a submission looks at; undefined where it looks at none. */
const lookedAt = <X>({ found: { lanes } }: Submissions<X>, request: Request) => {
  const lane = Multitask.looks(request) ? laneOf(request) : null
  return lane === null ? undefined : lanes.get(laneName({ projectId: request.projectId, lane }))
}

/** Adds a run to the lane of its submission, and returns whether it is behind another one. */
const enterLane = <X>(submissions: Submissions<X>, request: Request): Pick<Place, "lane" | "behind"> => {
  const { busyLanes, lanes } = submissions.found
  const { projectId, runId } = request
  const lane = laneOf(request)
  if (lane === null) return { lane, behind: false }
  const name = laneName({ projectId, lane })
  // One that has looked may have ended runs of its lane.
  const laneRuns = lookedAt(submissions, request)
  const behind =
    laneRuns === undefined
      ? busyLanes.has(name)
      : Multitask.unfinishedOf(submissions.batch, laneRuns).length > 0
  busyLanes.add(name)
  lanes.get(name)?.push({ projectId, runId })
  return { lane, behind }
}

/** Decides one submission: it is a repeat, it is refused, it goes to a run of its lane, or it becomes a run. */
const accept = <X, R extends Request, E>(
  submissions: Submissions<X>,
  request: R,
  placing: Placing<R, E>,
): Either.Either<Accepted, Refusal | E> => {
  const { accepted, added, batch } = submissions
  const child = placing.placeOf(request)
  if (Either.isLeft(child)) return Either.left(child.left)
  const before = repeated(submissions, request)
  if (before !== undefined) return before
  const parent = parentOf(submissions, request)
  if (parent === undefined) {
    return Either.left(new RunNotFound({ runId: request.submission.parentRunId ?? request.runId }))
  }
  const snapshot = snapshotOf(submissions, request)
  if (Either.isLeft(snapshot)) return Either.left(snapshot.left)
  const checked = SubmitTraits.traitsOf(submissions.found, request, parent, snapshot.right)
  if (Either.isLeft(checked)) return Either.left(checked.left)
  const { labels, limits } = checked.right
  const takenBy = Debounce.take(batch, submissions.found, request, snapshot.right, (run) =>
    takeInput(submissions, request, run),
  )
  if (takenBy !== undefined) return Either.right({ ...asRun, ref: takenBy.state.spec, debounced: true })
  const lane = lookedAt(submissions, request)
  if (placing.refusable && !(lane !== undefined && Multitask.sends(batch, request, lane))) {
    const ending = lane === undefined ? [] : Multitask.ending(batch, request, lane)
    const full = SubmitLimits.refusal(batch, limits.settings, submissions.pending, ending)
    if (full !== undefined) return Either.left(full)
  }
  if (lane !== undefined) {
    const met = Multitask.decide(batch, request, lane, (run) => takeInput(submissions, request, run))
    if (Either.isLeft(met)) return Either.left(met.left)
    if (met.right !== undefined) {
      return Either.right({ ...asRun, ref: met.right.state.spec, steered: true })
    }
  }
  const place = { ...enterLane(submissions, request), ...limits, child: child.right }
  const run = newRun(request, snapshot.right, parent, place, labels, batch.now)
  accepted.set(logKey(request), run)
  added.push(run)
  Debounce.enter(submissions.found, request)
  for (const limit of limits.settings) submissions.limits.set(LimitRules.refName(limit), limit)
  SubmitLimits.accept(limits.settings, submissions.pending)
  placing.accepted(request, child.right)
  return Either.right({ ...asRun, ref: request })
}

/** Locks the limits of an agent that bound what is pending, by the key of this submission. */
const lockLate = <X>(submissions: Submissions<X>, request: Request): Effect.Effect<void, X> => {
  const parent = parentOf(submissions, request)
  if (parent === undefined) return Effect.void
  const described = Either.flatMap(snapshotOf(submissions, request), (snapshot) =>
    SubmitTraits.traitsOf(submissions.found, request, parent, snapshot),
  )
  return Either.isLeft(described)
    ? Effect.void
    : SubmitLimits.lockPending(submissions.batch, described.right.limits.settings)
}

/** Inserts the new runs that are not in the store yet, after the limits that they set. */
const insertAdded = <X>(
  { added, batch, limits, pending }: Submissions<X>,
  offer: "now" | "later",
): Effect.Effect<void, X> => {
  if (added.length === 0) return Effect.void
  pending.clear()
  return Effect.zipRight(SubmitLimits.set(batch, limits), batch.insert(added.splice(0), offer))
}

/**
 * Submits all of these requests that nothing refuses. One that looks at its lane sees those before it as they are stored.
 *
 * @since 0.1.0
 * @category operations
 */
export const submitAll = <X, R extends Request, E>(
  requests: ReadonlyArray<R>,
  batch: RunBatch<X>,
  placing: Placing<R, E>,
): Effect.Effect<ReadonlyArray<Either.Either<Decision, Refusal | E>>, X> =>
  Effect.gen(function* () {
    const found = yield* SubmitReads.read(requests, batch)
    const submissions: Submissions<X> = {
      batch,
      found,
      accepted: new Map(),
      added: [],
      limits: new Map(),
      pending: new Map(),
    }
    const verdicts: Array<Either.Either<Accepted, Refusal | E>> = []
    for (const request of requests) {
      const looks = Multitask.looks(request)
      if (looks || Debounce.isAmong(found, request, submissions.accepted))
        yield* insertAdded(submissions, "later")
      if (found.locksLate) yield* lockLate(submissions, request)
      verdicts.push(accept(submissions, request, placing))
      if (looks) yield* batch.settle
    }
    yield* insertAdded(submissions, "now")
    return decisionsOf(batch, submissions.accepted, verdicts)
  })

/**
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<Request, Decision, Submitted, Refusal, X> => ({
  name: "Runs.submit",
  decide: (requests, batch) => submitAll(requests, batch, roots),
  answer: answerOf,
})
