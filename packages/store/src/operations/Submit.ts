/**
 * Submissions: those of one commit become runs together. The commit reads what they name, decides on each, inserts the new runs, and answers.
 * It reads for the features that some submission uses, and for no others.
 */
import { ConversationNotFound } from "@runlease/core/Conversations"
import type { AcceptedInput } from "@runlease/core/FollowUp"
import type * as Ids from "@runlease/core/Ids"
import * as Labels from "@runlease/core/Labels"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { type Run, RunNotFound } from "@runlease/core/Run"
import {
  type ConversationBusy,
  InvalidSubmission,
  type MessageRefused,
  SubmissionConflict,
  type Submitted,
  type TooManyPending,
} from "@runlease/core/Runs"
import { Effect, Either } from "effect"
import type { RecordRef } from "../rows/Records.js"
import * as LabelRules from "../rules/LabelRules.js"
import * as RolloutRules from "../rules/RolloutRules.js"
import { type ChildSpec, type RunState, toRun } from "../rules/RunState.js"
import { eventId } from "../rules/Transition.js"
import type { AddedRun } from "../rows/StoredRun.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import { logKey } from "../commit/Wakeups.js"
import {
  type ConversationMessages,
  type DetailChanges,
  type Lane,
  maxConversationBytes,
  type RunKey,
  type RunRef,
  type StoredRun,
  type SubmittedDetails,
} from "../rows/RunRows.js"
import * as Debounce from "./Debounce.js"
import * as StoreRollouts from "./StoreRollouts.js"
import * as SubmitLimits from "./SubmitLimits.js"
import * as Multitask from "./Multitask.js"
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

/** How a submission was accepted. */
type SubmitResult = Pick<Submitted, "duplicate" | "steered" | "debounced">

/** It is a new run. */
const asNewRun: SubmitResult = { duplicate: false, steered: false, debounced: false }

/** The run that an accepted submission became, or the one that got it. */
interface Accepted extends SubmitResult {
  readonly ref: RunRef
}

/** `state` is that of the decision. `answered` is the run as the commit has written it, with all that belongs to its state. */
export interface Decision extends SubmitResult {
  readonly state: RunState
  readonly answered: () => Run
}

/**
 * Where submissions are in trees: `positionOf` is null for a root. `refusable`: limits may refuse it since too many runs are pending.
 * `accepted` is called for a new run.
 */
export interface TreePosition<R, E> {
  readonly refusable: boolean
  readonly positionOf: ((request: R) => Either.Either<ChildSpec | null, E>) | undefined
  readonly accepted?: (request: R, child: ChildSpec | null) => void
}

/** Each submission is a root. */
export const roots: TreePosition<Request, never> = { refusable: true, positionOf: undefined }

/** What a commit has found for its submissions, by the names that `logKey`, `laneName` and `conversationName` give. */
interface Found {
  /** The runs of the lanes that submissions look at, from the oldest on. */
  lanes: ReadonlyMap<string, Array<RunRef>>
  /** The lanes that have an unfinished run. */
  readonly busyLanes: Set<string>
  /** The runs that have accepted inputs, by the names of the inputs. */
  readonly inputs: Map<string, Ids.RunId>
  /** The runs that took earlier submissions of their keys. */
  debounced: Debounce.Earlier | undefined
  /** Inputs of submissions that steer, or that another run has accepted. */
  readonly acceptedInputs: Map<string, AcceptedInput>
  /** The submissions of runs that are there already. */
  details: ReadonlyMap<RunKey, SubmittedDetails>
  histories: ReadonlyMap<string, ConversationMessages["messages"]>
  limits: SubmitLimits.Read | undefined
  rollouts: RolloutRules.Rollouts | undefined
}

/** The submissions of one commit: what was found for them, and the new runs that they have become so far. */
interface Submissions<X> {
  readonly batch: RunBatch<X>
  readonly found: Found
  /** By the names of their logs. */
  readonly accepted: Map<string, AddedRun>
  /** Those that are not in the store yet. */
  readonly added: Array<AddedRun>
}

const conversationName = (ref: Pick<Request, "projectId" | "conversationId">): string =>
  `${ref.projectId}/${ref.conversationId}`

// Reading

const lanesOf = (requests: ReadonlyArray<Request>): ReadonlyArray<Lane> =>
  requests.flatMap((request) => {
    const lane = laneOf(request)
    return lane === null ? [] : [{ projectId: request.projectId, lane }]
  })

/** The runs of the lanes that submissions look at. */
const readLanes = <X>(looking: ReadonlyArray<Request>, { add, rows }: RunBatch<X>) => {
  const named = new Map(lanesOf(looking).map((lane) => [laneName(lane), lane]))
  const lanes = new Map(Array.from(named.keys(), (name): [string, Array<RunRef>] => [name, []]))
  if (named.size === 0) return Effect.succeed(lanes)
  return Effect.map(rows.laneRuns([...named.values()], "unfinished"), (runs) => {
    for (const run of runs) {
      const { lane, projectId, runId } = add(run).state.spec
      if (lane !== null) lanes.get(laneName({ projectId, lane }))?.push({ projectId, runId })
    }
    return lanes
  })
}

/** Reads which lanes of submissions have an unfinished run. Those that were looked at are not read again. */
const readBusyLanes = <X>(
  sharing: ReadonlyArray<Request>,
  { busyLanes, lanes }: Found,
  batch: RunBatch<X>,
) => {
  for (const [name, runs] of lanes) {
    if (Multitask.unfinishedOf(batch, runs).length > 0) busyLanes.add(name)
  }
  const others = lanesOf(sharing).filter((lane) => !lanes.has(laneName(lane)))
  return others.length === 0
    ? Effect.void
    : Effect.map(batch.rows.lanesWith("unfinished", others), (busy) => {
        for (const lane of busy) busyLanes.add(laneName(lane))
      })
}

/** Reads the runs and inputs that submissions name: those that are there by their public ids, and the parents. */
const readNamed = <X>(requests: ReadonlyArray<Request>, found: Found, batch: RunBatch<X>) =>
  Effect.gen(function* () {
    const { rows } = batch
    const names = requests.flatMap(({ projectId, runId, submission: { parentRunId, publicId } }) => [
      ...(publicId === undefined ? [] : [{ projectId, runId }]),
      ...(parentRunId === undefined ? [] : [{ projectId, runId: parentRunId }]),
    ])
    yield* batch.flush("inputs")
    const named = yield* rows.findNamed(names)
    if (named.length === 0) return
    for (const { name, run } of named) {
      const { runId } = batch.add(run).state.spec
      if (name.runId !== runId) found.inputs.set(logKey(name), runId)
    }
    found.details = yield* rows.submitted(named.map(({ run }) => run))
    const going = requests.filter(
      (request) =>
        (request.messages.length > 0 || request.submission.debounce !== undefined) &&
        found.inputs.has(logKey(request)),
    )
    const acceptedInputs = going.length === 0 ? [] : yield* rows.inputs(going, [])
    for (const { input, projectId } of acceptedInputs) {
      found.acceptedInputs.set(logKey({ projectId, runId: input.publicId }), input)
    }
  })

const readHistories = <X>(requests: ReadonlyArray<Request>, { rows }: RunBatch<X>) =>
  Effect.map(
    rows.conversations(
      requests.map(({ conversationId, projectId, submission }) => ({
        projectId,
        conversationId,
        messages: submission.snapshot === undefined,
      })),
    ),
    (all) => new Map(all.map((found) => [conversationName(found), found.messages])),
  )

/**
 * Reads what is there already of what the submissions name. Keys and lanes come first: until they are locked, a submission of the same
 * public id may be under way to them.
 */
const read = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>): Effect.Effect<Found, X> => {
  const found: Found = {
    lanes: new Map(),
    busyLanes: new Set(),
    inputs: new Map(),
    debounced: undefined,
    acceptedInputs: new Map(),
    details: new Map(),
    histories: new Map(),
    limits: undefined,
    rollouts: undefined,
  }
  const debounced: Array<Request> = []
  const looking: Array<Request> = []
  const sharing: Array<Request> = []
  const ofConversations: Array<Request> = []
  const ofRollouts: Array<RecordRef> = []
  let names = false
  // A submission that names no limit may have one, by its agent.
  let hasLimits = batch.limitsSeen.agents || batch.limitsSeen.named || !batch.limitsSeen.read
  for (const request of requests) {
    const { concurrencyKey, conversationId, debounce, multitask, parentRunId, publicId } = request.submission
    // A new conversation has no other runs.
    const shares = concurrencyKey !== undefined || conversationId !== undefined
    if (debounce !== undefined) debounced.push(request)
    if (batch.rolloutProjects.size > 0 && batch.rolloutProjects.has(request.projectId)) {
      ofRollouts.push({ projectId: request.projectId, id: request.submission.agentId })
    }
    if (multitask !== undefined && shares && Multitask.inspectsLane(request)) looking.push(request)
    if (shares) sharing.push(request)
    if (conversationId !== undefined) ofConversations.push(request)
    names ||= publicId !== undefined || parentRunId !== undefined
    hasLimits ||= request.submission.limits !== undefined || request.submission.concurrencyLimit !== undefined
  }
  // Nothing is read for submissions that name nothing.
  const namesNothing = !names && !hasLimits && debounced.length === 0 && sharing.length === 0
  if (namesNothing && ofRollouts.length === 0) return Effect.succeed(found)
  return Effect.gen(function* () {
    // A commit that sets a rollout locks its agent first too.
    if (ofRollouts.length > 0) found.rollouts = yield* StoreRollouts.ofAgents(batch, ofRollouts)
    if (debounced.length > 0) found.debounced = yield* Debounce.read(debounced, batch)
    if (looking.length > 0) found.lanes = yield* readLanes(looking, batch)
    if (names) yield* readNamed(requests, found, batch)
    if (ofConversations.length > 0) found.histories = yield* readHistories(ofConversations, batch)
    if (sharing.length > 0) yield* readBusyLanes(sharing, found, batch)
    if (hasLimits) found.limits = yield* SubmitLimits.read(requests, batch)
    return found
  })
}

// Deciding

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
  const { inputs, acceptedInputs } = submissions.found
  const { projectId, runId, sent } = request
  const before = submittedBefore(submissions, request)
  if (before?.submission === sent) return Either.right({ ...asNewRun, ref: request, duplicate: true })
  const input = acceptedInputs.get(logKey(request))
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
    return { parentRunId: null, rootRunId: runId, labels: Labels.none, versionPolicy: null, version: null }
  const named = { projectId, runId: submission.parentRunId }
  const parentRunId = submissions.found.inputs.get(logKey(named)) ?? named.runId
  const ref = { projectId, runId: parentRunId }
  const parent = submittedBefore(submissions, ref)
  const state = submissions.batch.find(ref)?.state ?? submissions.accepted.get(logKey(ref))?.run.state
  return (
    parent && {
      parentRunId,
      rootRunId: parent.details.rootRunId,
      labels: parent.details.labels,
      versionPolicy: state?.spec.versionPolicy ?? null,
      version: state?.spec.versionPolicy === "pinned" ? state.version : null,
    }
  )
}

/** The request as the executor gets it: that of the submission, else the messages of its conversation. */
const snapshotOf = <X>(
  { found: { histories } }: Submissions<X>,
  request: Request,
): Either.Either<RequestSnapshot.RequestSnapshot, ConversationNotFound | InvalidSubmission> => {
  const { conversationId, submission } = request
  const history =
    submission.conversationId === undefined ? undefined : histories.get(conversationName(request))
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

/** The labels, its own and those of its parent, and the limits. The key of a limit of the agent may be a label, or in the request. */
const described = (
  { limits }: Found,
  request: Request,
  parent: Parent,
  snapshot: RequestSnapshot.RequestSnapshot,
): Either.Either<{ labels: Labels.Labels; limits: SubmitLimits.Limits }, InvalidSubmission> => {
  const own = request.submission.labels ?? Labels.none
  // Most runs have none, and no parent that has some.
  const inherited =
    own === Labels.none && parent.labels === Labels.none
      ? Either.right(own)
      : LabelRules.inherited(own, parent.labels)
  if (Either.isLeft(inherited)) return Either.left(inherited.left)
  const labels = inherited.right
  return limits === undefined
    ? Either.right({ labels, limits: SubmitLimits.none })
    : Either.map(limits.limitsOf(request, { labels, snapshot }), (found) => ({ labels, limits: found }))
}

/** Records that a run has accepted a submission as its input. */
const takeInput = <X>({ found }: Submissions<X>, request: Request, { state }: StoredRun): DetailChanges => {
  const { runId } = state.spec
  if (request.submission.publicId === undefined) return {}
  const input: AcceptedInput = {
    runId,
    publicId: request.runId,
    since: eventId(0),
    fingerprint: fingerprintOf(request),
  }
  found.acceptedInputs.set(logKey(request), input)
  found.inputs.set(logKey(request), runId)
  return { inputs: [input] }
}

/** The runs of the lane that a submission looks at; undefined where it looks at none. */
const lookedAt = <X>({ found: { lanes } }: Submissions<X>, request: Request) => {
  const lane = Multitask.inspectsLane(request) ? laneOf(request) : null
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
  const laneRuns = lanes.size === 0 ? undefined : lookedAt(submissions, request)
  const behind =
    laneRuns === undefined
      ? busyLanes.has(name)
      : Multitask.unfinishedOf(submissions.batch, laneRuns).length > 0
  busyLanes.add(name)
  lanes.get(name)?.push({ projectId, runId })
  return { lane, behind }
}

/** Decides one submission: it is a repeat, it is refused, it goes to a run of its lane or of its key, or it becomes a run. */
const accept = <X, R extends Request, E>(
  submissions: Submissions<X>,
  request: R,
  tree: TreePosition<R, E>,
): Either.Either<Accepted, Refusal | E> => {
  const { accepted, added, batch, found } = submissions
  const child = tree.positionOf?.(request)
  if (child !== undefined && Either.isLeft(child)) return Either.left(child.left)
  const before = request.submission.publicId === undefined ? undefined : repeated(submissions, request)
  if (before !== undefined) return before
  const parent = parentOf(submissions, request)
  if (parent === undefined) {
    return Either.left(new RunNotFound({ runId: request.submission.parentRunId ?? request.runId }))
  }
  const snapshot = snapshotOf(submissions, request)
  if (Either.isLeft(snapshot)) return Either.left(snapshot.left)
  const checked = described(found, request, parent, snapshot.right)
  if (Either.isLeft(checked)) return Either.left(checked.left)
  const { labels, limits } = checked.right
  if (found.debounced !== undefined) {
    const takenBy = Debounce.take(batch, found.debounced, request, snapshot.right, (run) =>
      takeInput(submissions, request, run),
    )
    if (takenBy !== undefined) {
      return Either.right({ ...asNewRun, ref: takenBy.state.spec, debounced: true })
    }
  }
  const lane = found.lanes.size === 0 ? undefined : lookedAt(submissions, request)
  if (
    tree.refusable &&
    found.limits !== undefined &&
    !(lane !== undefined && Multitask.becomesMessage(batch, request, lane))
  ) {
    const ending = lane === undefined ? [] : Multitask.ending(batch, request, lane)
    const full = found.limits.refusal(limits, ending)
    if (full !== undefined) return Either.left(full)
  }
  if (lane !== undefined) {
    const met = Multitask.decide(batch, request, lane, (run) => takeInput(submissions, request, run))
    if (Either.isLeft(met)) return Either.left(met.left)
    if (met.right !== undefined) {
      return Either.right({ ...asNewRun, ref: met.right.state.spec, steered: true })
    }
  }
  const position = child === undefined ? null : child.right
  const { projectId, runId, submission } = request
  const rollout =
    found.rollouts &&
    RolloutRules.beginningOf(found.rollouts, { projectId, runId, agentId: submission.agentId })
  const place = { ...enterLane(submissions, request), ...limits, child: position, rollout }
  const run = newRun(request, snapshot.right, parent, place, labels, batch.now)
  accepted.set(logKey(request), run)
  added.push(run)
  if (found.debounced !== undefined) Debounce.enter(found.debounced, request)
  found.limits?.accept(limits)
  tree.accepted?.(request, position)
  return Either.right({ ...asNewRun, ref: request })
}

/** Locks the limits of an agent that bound what is pending, by the key of this submission. */
const lockLate = <X>(submissions: Submissions<X>, request: Request): Effect.Effect<void, X> => {
  const parent = parentOf(submissions, request)
  if (parent === undefined) return Effect.void
  const checked = Either.flatMap(snapshotOf(submissions, request), (snapshot) =>
    described(submissions.found, request, parent, snapshot),
  )
  return Either.isLeft(checked)
    ? Effect.void
    : SubmitLimits.lockPending(submissions.batch, checked.right.limits)
}

/** Inserts the new runs that are not in the store yet, after the limits that they set. */
const insertAdded = <X>(
  { added, batch, found: { limits } }: Submissions<X>,
  offer: "now" | "later",
): Effect.Effect<void, X> => {
  if (added.length === 0) return Effect.void
  const insert = batch.insert(added.splice(0), offer)
  return limits === undefined ? insert : Effect.zipRight(limits.store(batch.rows), insert)
}

/** The decisions on submissions, with the details of runs that were there before. */
const decisionsOf = <X, E>(
  { accepted, batch }: Submissions<X>,
  verdicts: ReadonlyArray<Either.Either<Accepted, E>>,
): ReadonlyArray<Either.Either<Decision, E>> => {
  const before: Array<StoredRun> = []
  const made: Array<AddedRun | undefined> = []
  for (const verdict of verdicts) {
    const isNew = Either.isRight(verdict) && !verdict.right.steered && !verdict.right.debounced
    const run = isNew ? accepted.get(logKey(verdict.right.ref)) : undefined
    made.push(run)
    if (Either.isRight(verdict) && run === undefined) before.push(batch.find(verdict.right.ref)!)
  }
  const lateDetails = batch.late(before, batch.rows.details)
  const decisions: Array<Either.Either<Decision, E>> = []
  for (const [index, verdict] of verdicts.entries()) {
    if (Either.isLeft(verdict)) {
      decisions.push(Either.left(verdict.left))
      continue
    }
    const { ref, ...how } = verdict.right
    const run = made[index]
    // A new run is answered as it was submitted, also when a waiting claim has it by now.
    if (run !== undefined) {
      const { state } = run.made
      decisions.push(Either.right({ ...how, state, answered: () => toRun(state, run.run.details) }))
      continue
    }
    const answered = () => {
      const { key, state } = batch.find(ref)!
      return toRun(state, lateDetails.get(key)!)
    }
    decisions.push(Either.right({ ...how, state: batch.find(ref)!.state, answered }))
  }
  return decisions
}

/** Submits all of these requests that nothing refuses. One that looks at its lane sees those before it as they are stored. */
export const submitAll = Effect.fnUntraced(function* <X, R extends Request, E>(
  requests: ReadonlyArray<R>,
  batch: RunBatch<X>,
  tree: TreePosition<R, E>,
): Effect.fn.Return<ReadonlyArray<Either.Either<Decision, Refusal | E>>, X> {
  const found = yield* read(requests, batch)
  const { debounced, limits } = found
  const submissions: Submissions<X> = { batch, found, accepted: new Map(), added: [] }
  const verdicts: Array<Either.Either<Accepted, Refusal | E>> = []
  for (const request of requests) {
    const inspects = request.submission.multitask !== undefined && Multitask.inspectsLane(request)
    const meets =
      inspects || (debounced !== undefined && Debounce.isAmong(debounced, request, submissions.accepted))
    if (meets) yield* insertAdded(submissions, "later")
    if (limits?.locksLate === true) yield* lockLate(submissions, request)
    verdicts.push(accept(submissions, request, tree))
    if (inspects) yield* batch.settle
  }
  yield* insertAdded(submissions, "now")
  return decisionsOf(submissions, verdicts)
})

/** What a submission is answered. */
const answerOf = ({ answered, debounced, duplicate, steered }: Decision): Submitted => ({
  duplicate,
  steered,
  debounced,
  run: answered(),
})

export const operation = <X>(): RunOperation<Request, Decision, Submitted, Refusal, X> => ({
  name: "Runs.submit",
  decide: (requests, batch) => submitAll(requests, batch, roots),
  answer: answerOf,
})

/** Submissions that are sent together: those of one request are in one commit, and each has its own verdict. */
export const many = <X>(): RunOperation<
  ReadonlyArray<Request>,
  ReadonlyArray<Either.Either<Decision, Refusal>>,
  ReadonlyArray<Either.Either<Submitted, Refusal>>,
  never,
  X
> => ({
  name: "Runs.submitMany",
  decide: (requests, batch) =>
    Effect.map(submitAll(requests.flat(), batch, roots), (verdicts) => {
      let next = 0
      return requests.map(({ length }) => {
        next += length
        return Either.right(verdicts.slice(next - length, next))
      })
    }),
  answer: (decisions) => decisions.map(Either.map(answerOf)),
})
