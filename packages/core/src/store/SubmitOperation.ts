/**
 * Submissions: those of one commit become runs together.
 *
 * @since 0.1.0
 */
import { DateTime, Effect, Either } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type * as Ids from "../model/Ids.js"
import * as RequestSnapshot from "../model/RequestSnapshot.js"
import { noTarget, projectTarget, type Run, RunNotFound } from "../model/Run.js"
import { ConversationNotFound } from "../ports/Conversations.js"
import { defaultMaxAttempts, type Submission, SubmissionConflict } from "../ports/Runs.js"
import { type ChildSpec, type RunDetails, type RunState, toRun } from "../rules/RunState.js"
import type { Transition } from "../rules/Transition.js"
import * as Transitions from "../rules/Transitions.js"
import type { AddedRun } from "./HandOver.js"
import type { RunBatch } from "./RunBatch.js"
import type { RunOperation } from "./RunCommits.js"
import type { Lane, RunRef } from "./RunRows.js"
import { logKey } from "./Wakeups.js"

export interface Request {
  readonly projectId: Ids.ProjectId
  readonly submission: Submission
  /** The submission as it was sent, to be compared with another of the same public id. */
  readonly sent: string
  readonly runId: Ids.RunId
  readonly messageId: Ids.MessageId
  /** The events that the log of the run begins with. */
  readonly seed?: ReadonlyArray<LogEvent>
  /** The conversation that it names, or a new one. */
  readonly conversationId: Ids.ConversationId
}

export type Refusal = ConversationNotFound | RunNotFound | SubmissionConflict

/** What a submission is beside its own run. `accepted` is called for a new run. */
export interface Placing<R, E> {
  readonly placeOf: (request: R) => Either.Either<ChildSpec | null, E>
  readonly accepted: (request: R, child: ChildSpec) => void
}

const roots: Placing<Request, never> = { placeOf: () => Either.right(null), accepted: () => {} }

export interface Decision {
  readonly state: RunState
  readonly details: RunDetails
  readonly duplicate: boolean
}

const laneName = ({ lane, projectId }: Lane): string => `${projectId}/${lane}`

const laneOf = ({ conversationId, submission }: Request): string | null =>
  submission.concurrencyKey === undefined ? conversationId : submission.concurrencyKey

/** The lanes of these submissions in which another run may be. A new conversation has no other runs. */
const sharedLanes = (requests: ReadonlyArray<Request>): ReadonlyArray<Lane> =>
  requests.flatMap((request) => {
    const lane = laneOf(request)
    const { concurrencyKey, conversationId } = request.submission
    return lane === null || (concurrencyKey === undefined && conversationId === undefined)
      ? []
      : [{ projectId: request.projectId, lane }]
  })

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

/** What is there already of what the submissions name. */
const readNamed = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>) =>
  Effect.gen(function* () {
    const { rows } = batch
    const names = requests.flatMap(({ projectId, runId, submission: { parentRunId, publicId } }) => [
      ...(publicId === undefined ? [] : [{ projectId, runId }]),
      ...(parentRunId === undefined ? [] : [{ projectId, runId: parentRunId }]),
    ])
    /** The ids of runs by the names of inputs that they have taken. */
    const inputs = new Map<string, Ids.RunId>()
    const found = names.length === 0 ? [] : yield* rows.findNamed(names)
    for (const { name, run } of found) {
      const { runId } = batch.add(run).state.spec
      if (name.runId !== runId) inputs.set(logKey(name), runId)
    }
    const details = found.length === 0 ? new Map() : yield* rows.submitted(found.map(({ run }) => run))
    const conversationRefs = requests.flatMap(({ conversationId, projectId, submission }) =>
      submission.conversationId === undefined
        ? []
        : [{ projectId, conversationId, messages: submission.snapshot === undefined }],
    )
    const conversations = conversationRefs.length === 0 ? [] : yield* rows.conversations(conversationRefs)
    const lanes = sharedLanes(requests)
    const busy = lanes.length === 0 ? [] : yield* rows.busyLanes(lanes)
    return {
      inputs,
      details,
      messages: new Map(
        conversations.map((found) => [`${found.projectId}/${found.conversationId}`, found.messages]),
      ),
      busyLanes: new Set(busy.map(laneName)),
    }
  })

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
    const { busyLanes, details, inputs, messages } = yield* readNamed(requests, batch)
    const accepted = new Map<string, AddedRun>()

    /** The details and the submission of a run that is there already, or that this commit has accepted so far. */
    const submittedBefore = (ref: RunRef) => {
      const run = batch.find(ref)
      return run === undefined ? accepted.get(logKey(ref))?.run : details.get(run.key)
    }

    const parentOf = ({ projectId, runId, submission: { parentRunId } }: Request) => {
      if (parentRunId === undefined) return { parentRunId: null, rootRunId: runId }
      const id = inputs.get(logKey({ projectId, runId: parentRunId })) ?? parentRunId
      const found = submittedBefore({ projectId, runId: id })
      return found && { parentRunId: id, rootRunId: found.details.rootRunId }
    }

    /** Accepts a submission; true for one that was accepted before. */
    const accept = (request: R): Either.Either<boolean, Refusal | E> => {
      const { conversationId, projectId, runId, sent, submission } = request
      const placed = placing.placeOf(request)
      if (Either.isLeft(placed)) return Either.left(placed.left)
      const child = placed.right
      const before = submittedBefore(request)
      if (before?.submission === sent) return Either.right(true)
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
      const lane = laneOf(request)
      const name = lane === null ? undefined : laneName({ projectId, lane })
      const behind = name !== undefined && busyLanes.has(name)
      if (name !== undefined) busyLanes.add(name)
      const made = seeded(
        submitted(request, { lane, behind, child }, batch.now),
        request.seed ?? [],
        batch.now,
      )
      accepted.set(logKey(request), {
        made,
        run: {
          state: made.state,
          details: newDetails(submission, parent.parentRunId, parent.rootRunId),
          submission: sent,
          snapshot: submission.snapshot ?? { ...RequestSnapshot.empty, messages: history ?? [] },
          newConversation: submission.conversationId === undefined,
        },
      })
      if (child !== null) placing.accepted(request, child)
      return Either.right(false)
    }

    const verdicts = requests.map(accept)
    if (accepted.size > 0) yield* batch.insert([...accepted.values()])
    return requests.map((request, index) =>
      Either.map(verdicts[index]!, (duplicate): Decision => {
        const run = batch.find(request)!
        const added = accepted.get(logKey(request))
        // A new run is answered as it was submitted, also when a waiting claim has it by now.
        return added === undefined
          ? { duplicate, state: run.state, details: details.get(run.key)!.details }
          : { duplicate, state: added.made.state, details: added.run.details }
      }),
    )
  })

/**
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<
  Request,
  Decision,
  { readonly run: Run; readonly duplicate: boolean },
  Refusal,
  X
> => ({
  name: "Runs.submit",
  decide: (requests, batch) => submitAll(requests, batch, roots),
  answer: ({ details, duplicate, state }) => ({ duplicate, run: toRun(state, details) }),
})
