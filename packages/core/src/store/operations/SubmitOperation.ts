/**
 * Submissions: those of one commit become runs together.
 *
 * @since 0.1.0
 */
import { DateTime, Effect, Either } from "effect"
import type { LogEvent } from "../../model/AgentEvent.js"
import { sha256 } from "../../model/Digest.js"
import type * as Ids from "../../model/Ids.js"
import * as RequestSnapshot from "../../model/RequestSnapshot.js"
import { noTarget, projectTarget, type Run, RunNotFound } from "../../model/Run.js"
import { ConversationNotFound } from "../../ports/Conversations.js"
import type { TakenInput } from "../../ports/FollowUp.js"
import {
  type ConversationBusy,
  defaultMaxAttempts,
  InvalidSubmission,
  type MessageRefused,
  type Submission,
  SubmissionConflict,
  type Submitted,
} from "../../ports/Runs.js"
import { type ChildSpec, type RunDetails, type RunState, toRun } from "../../rules/RunState.js"
import { eventId, type Transition } from "../../rules/Transition.js"
import * as Transitions from "../../rules/Transitions.js"
import type { AddedRun } from "../commit/HandOver.js"
import * as Multitask from "./Multitask.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import { type DetailChanges, maxConversationBytes, type RunRef, type StoredRun } from "../rows/RunRows.js"
import * as SubmitReads from "./SubmitReads.js"
import { logKey } from "../commit/Wakeups.js"

export { request, type Request } from "./SubmitReads.js"
type Request = SubmitReads.Request

export type Refusal =
  | ConversationNotFound
  | RunNotFound
  | SubmissionConflict
  | ConversationBusy
  | InvalidSubmission
  | MessageRefused

/** What a submission is beside its own run: its place in a tree, or null for a root. `accepted` is called for a new run. */
export interface Placing<R, E> {
  readonly placeOf: (request: R) => Either.Either<ChildSpec | null, E>
  readonly accepted: (request: R, child: ChildSpec | null) => void
}

const roots: Placing<Request, never> = { placeOf: () => Either.right(null), accepted: () => {} }

/** `state` is that of the decision. `answered` is the run as the commit has written it, with all that belongs to its state. */
export interface Decision {
  readonly state: RunState
  readonly answered: () => Run
  readonly duplicate: boolean
  readonly steered: boolean
}

/** The run that an accepted submission became, or the one that was told it. */
interface Accepted extends Pick<Decision, "duplicate" | "steered"> {
  readonly ref: RunRef
}

/** A new run whose log begins with these events. */
const seeded = (made: Transition, seed: ReadonlyArray<LogEvent>, now: number): Transition => {
  if (seed.length === 0) return made
  const events = seed.map((event) => ({ event, text: JSON.stringify(event) }))
  const { entries, state } = Transitions.append(made.state, events, now)
  return { ...made, state, entries: [...made.entries, ...entries] }
}

const submitted = (
  { conversationId, messageId, projectId, runId, submission }: Request,
  place: { readonly lane: string | null; readonly behind: boolean; readonly child: ChildSpec | null },
  now: number,
): Transition =>
  Transitions.submit(
    {
      projectId,
      runId,
      conversationId,
      messageId,
      agentId: submission.agentId,
      implementationKind: submission.implementationKind ?? null,
      workerKey: submission.workerKey ?? null,
      lane: place.lane,
      priority: submission.priority ?? 0,
      maxAttempts: submission.maxAttempts ?? defaultMaxAttempts,
      createdAt: now,
      child: place.child,
    },
    {
      driven: submission.initialStatus === "running",
      behind: place.behind,
      budget: submission.budget,
      availableAt:
        submission.availableAt === undefined ? now : DateTime.toEpochMillis(submission.availableAt),
    },
    now,
  )

const newDetails = (
  submission: Submission,
  parentRunId: Ids.RunId | null,
  rootRunId: Ids.RunId,
): RunDetails => ({
  mode: submission.mode ?? null,
  parentRunId,
  rootRunId,
  trigger: submission.trigger ?? null,
  sourceTarget: submission.sourceTarget ?? projectTarget,
  runtimeTarget: submission.runtimeTarget ?? noTarget,
  session: null,
  metadata: null,
  result: null,
})

const fingerprintOf = ({ sent }: Request): string => sha256(sent)

/**
 * Submits all of these requests that nothing refuses.
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
    const lanes = yield* SubmitReads.looked(requests, batch)
    const { details, inputs, messages, taken } = yield* SubmitReads.named(requests, batch)
    const busyLanes = yield* SubmitReads.busyLanes(requests, lanes, batch)
    const accepted = new Map<string, AddedRun>()
    let added: Array<AddedRun> = []

    const insertAdded = (offer: "now" | "later") =>
      Effect.suspend(() => {
        const runs = added
        added = []
        return runs.length === 0 ? Effect.void : batch.insert(runs, offer)
      })

    /** The details and the submission of a run that is there already, or that this commit has accepted so far. */
    const submittedBefore = (ref: RunRef) => {
      const run = batch.find(ref)
      return accepted.get(logKey(ref))?.run ?? (run && details.get(run.key))
    }

    const parentOf = ({ projectId, runId, submission: { parentRunId } }: Request) => {
      if (parentRunId === undefined) return { parentRunId: null, rootRunId: runId }
      const id = inputs.get(logKey({ projectId, runId: parentRunId })) ?? parentRunId
      const found = submittedBefore({ projectId, runId: id })
      return found && { parentRunId: id, rootRunId: found.details.rootRunId }
    }

    /** The input that a submission becomes which `first` is told. */
    const inputOf =
      (request: R) =>
      ({ state: { spec } }: StoredRun): DetailChanges => {
        if (request.submission.publicId === undefined) return {}
        const input: TakenInput = {
          runId: spec.runId,
          publicId: request.runId,
          since: eventId(0),
          fingerprint: fingerprintOf(request),
        }
        taken.set(logKey(request), input)
        inputs.set(logKey(request), spec.runId)
        return { inputs: [input] }
      }

    const accept = (request: R): Either.Either<Accepted, Refusal | E> => {
      const { conversationId, projectId, runId, sent, submission } = request
      const placed = placing.placeOf(request)
      if (Either.isLeft(placed)) return Either.left(placed.left)
      const child = placed.right
      const before = submittedBefore(request)
      if (before?.submission === sent) return Either.right({ ref: request, duplicate: true, steered: false })
      const input = taken.get(logKey(request))
      if (before === undefined && input !== undefined && input.fingerprint === fingerprintOf(request)) {
        return Either.right({ ref: { projectId, runId: input.runId }, duplicate: true, steered: true })
      }
      if (before !== undefined || inputs.has(logKey(request))) {
        return Either.left(new SubmissionConflict({ publicId: runId }))
      }
      const parent = parentOf(request)
      if (parent === undefined) {
        return Either.left(new RunNotFound({ runId: submission.parentRunId ?? runId }))
      }
      const history = messages.get(`${projectId}/${conversationId}`)
      if (submission.conversationId !== undefined && history === undefined) {
        return Either.left(new ConversationNotFound({ conversationId }))
      }
      if (history === "too_large" && submission.snapshot === undefined) {
        return Either.left(
          new InvalidSubmission({
            field: "snapshot",
            message: `snapshot: conversation ${conversationId} has more than ${maxConversationBytes} bytes of messages; send those that the run needs`,
          }),
        )
      }
      const lane = SubmitReads.laneOf(request)
      const name = lane === null ? undefined : SubmitReads.laneName({ projectId, lane })
      const looked = name !== undefined && Multitask.looks(request) ? lanes.get(name) : undefined
      if (looked !== undefined) {
        const met = Multitask.decide(batch, request, looked, inputOf(request))
        if (Either.isLeft(met)) return Either.left(met.left)
        if (met.right !== undefined) {
          return Either.right({ ref: met.right.state.spec, duplicate: false, steered: true })
        }
      }
      // One that has looked has left no unfinished run in its lane.
      const behind = name !== undefined && looked === undefined && busyLanes.has(name)
      if (name !== undefined) {
        busyLanes.add(name)
        lanes.get(name)?.push({ projectId, runId })
      }
      const made = seeded(
        submitted(request, { lane, behind, child }, batch.now),
        request.seed ?? [],
        batch.now,
      )
      const snapshot = submission.snapshot ?? {
        ...RequestSnapshot.empty,
        messages: Array.isArray(history) ? history : [],
      }
      const run = {
        state: made.state,
        details: newDetails(submission, parent.parentRunId, parent.rootRunId),
        title: RequestSnapshot.titleOf(snapshot),
        submission: sent,
        snapshot: SubmitReads.withTrace(snapshot, request.span),
        newConversation: submission.conversationId === undefined,
      }
      accepted.set(logKey(request), { made, run })
      added.push({ made, run })
      placing.accepted(request, child)
      return Either.right({ ref: request, duplicate: false, steered: false })
    }

    const verdicts: Array<Either.Either<Accepted, Refusal | E>> = []
    for (const request of requests) {
      const looks = Multitask.looks(request)
      if (looks) yield* insertAdded("later")
      verdicts.push(accept(request))
      if (looks) yield* batch.settle
    }
    yield* insertAdded("now")
    const madeOf = ({ ref, steered }: Accepted) => (steered ? undefined : accepted.get(logKey(ref)))
    const existing = verdicts.flatMap((verdict) =>
      Either.isRight(verdict) && madeOf(verdict.right) === undefined ? [batch.find(verdict.right.ref)!] : [],
    )
    const lateDetails = batch.lateDetails(existing)
    return verdicts.map(
      Either.map((verdict): Decision => {
        const { duplicate, ref, steered } = verdict
        const made = madeOf(verdict)
        // A new run is answered as it was submitted, also when a waiting claim has it by now.
        if (made !== undefined) {
          const { state } = made.made
          return { duplicate, steered, state, answered: () => toRun(state, made.run.details) }
        }
        const answered = () => {
          const { key, state } = batch.find(ref)!
          return toRun(state, lateDetails.get(key)!)
        }
        return { duplicate, steered, state: batch.find(ref)!.state, answered }
      }),
    )
  })

/**
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<Request, Decision, Submitted, Refusal, X> => ({
  name: "Runs.submit",
  decide: (requests, batch) => submitAll(requests, batch, roots),
  answer: ({ answered, duplicate, steered }) => ({ duplicate, steered, run: answered() }),
})
