/**
 * Submissions as requests, and what those of a commit read.
 *
 * @since 0.1.0
 */
import { Effect, type Tracer } from "effect"
import type { LogEvent } from "../../model/AgentEvent.js"
import * as Ids from "../../model/Ids.js"
import type { RequestSnapshot } from "../../model/RequestSnapshot.js"
import * as TraceContext from "../../ports/TraceContext.js"
import { lastSaid, type Submission } from "../../ports/Runs.js"
import * as Multitask from "./Multitask.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { Lane, RunRef } from "../rows/RunRows.js"
import { logKey } from "../commit/Wakeups.js"

/** A submission without a trace of its own belongs to that of the span that it was submitted in. */
export const withTrace = (snapshot: RequestSnapshot, span: Tracer.AnySpan | undefined): RequestSnapshot =>
  span === undefined ? snapshot : { ...snapshot, traceContext: TraceContext.ofSpan(span) }

/** A submission, with the ids of what it may make. */
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
  /** The span that it was submitted in. */
  readonly span: Tracer.AnySpan | undefined
  /** Empty unless it steers. */
  readonly told: ReadonlyArray<Multitask.Told>
}

const newId = <A>(make: (id: string, options: { readonly disableValidation: true }) => A) =>
  Effect.map(Ids.uuidV7, (id) => make(id, { disableValidation: true }))

/**
 * A request to submit what is checked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const request = Effect.fnUntraced(function* (
  projectId: Ids.ProjectId,
  submission: Submission,
  sent: string,
) {
  const { conversationId, multitask, publicId } = submission
  const said = multitask === "steer" ? lastSaid(submission) : []
  return {
    projectId,
    submission,
    sent,
    runId: publicId ?? (yield* newId(Ids.RunId.make)),
    messageId: yield* newId(Ids.MessageId.make),
    conversationId: conversationId ?? (yield* newId(Ids.ConversationId.make)),
    span: submission.snapshot?.traceContext === undefined ? yield* TraceContext.current : undefined,
    told: yield* Effect.forEach(said, ({ parts }) =>
      Effect.map(newId(Ids.MessageId.make), (id) => ({ id, parts })),
    ),
  } satisfies Request
})

export const laneName = ({ lane, projectId }: Lane): string => `${projectId}/${lane}`

/** The lane that a submission goes into. */
export const laneOf = ({ conversationId, submission }: Request): string | null =>
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

/**
 * The runs of the lanes that submissions look at, by lane, from the oldest on. It comes before `named`: until a lane is locked, a
 * submission of the same public id may be under way to it.
 */
export const looked = <X>(requests: ReadonlyArray<Request>, { add, rows }: RunBatch<X>) =>
  Effect.gen(function* () {
    const looking = new Map(
      sharedLanes(requests.filter(Multitask.looks)).map((lane) => [laneName(lane), lane]),
    )
    const lanes = new Map(Array.from(looking.keys(), (name): [string, Array<RunRef>] => [name, []]))
    if (looking.size > 0) {
      for (const run of yield* rows.laneRuns([...looking.values()])) {
        const { lane, projectId, runId } = add(run).state.spec
        if (lane !== null) lanes.get(laneName({ projectId, lane }))?.push({ projectId, runId })
      }
    }
    return lanes
  })

/** The lanes of submissions that have an unfinished run; those that were looked at are known. */
export const busyLanes = <X>(
  requests: ReadonlyArray<Request>,
  lanes: ReadonlyMap<string, ReadonlyArray<RunRef>>,
  batch: RunBatch<X>,
) =>
  Effect.gen(function* () {
    const others = sharedLanes(requests).filter((lane) => !lanes.has(laneName(lane)))
    const busy = others.length === 0 ? [] : yield* batch.rows.busyLanes(others)
    const known = Array.from(lanes).flatMap(([name, runs]) =>
      Multitask.unfinishedOf(batch, runs).length === 0 ? [] : [name],
    )
    return new Set([...known, ...busy.map(laneName)])
  })

/** What is there already of what the submissions name. */
export const named = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>) =>
  Effect.gen(function* () {
    const { rows } = batch
    const names = requests.flatMap(({ projectId, runId, submission: { parentRunId, publicId } }) => [
      ...(publicId === undefined ? [] : [{ projectId, runId }]),
      ...(parentRunId === undefined ? [] : [{ projectId, runId: parentRunId }]),
    ])
    /** The ids of runs by the names of inputs that they have taken. */
    const inputs = new Map<string, Ids.RunId>()
    if (names.length > 0) yield* batch.flush("inputs")
    const found = names.length === 0 ? [] : yield* rows.findNamed(names)
    for (const { name, run } of found) {
      const { runId } = batch.add(run).state.spec
      if (name.runId !== runId) inputs.set(logKey(name), runId)
    }
    const details = new Map(found.length === 0 ? [] : yield* rows.submitted(found.map(({ run }) => run)))
    const steering = requests.filter(({ told, ...ref }) => told.length > 0 && inputs.has(logKey(ref)))
    const taken = steering.length === 0 ? [] : yield* rows.inputs(steering, [])
    const conversationRefs = requests.flatMap(({ conversationId, projectId, submission }) =>
      submission.conversationId === undefined
        ? []
        : [{ projectId, conversationId, messages: submission.snapshot === undefined }],
    )
    const conversations = conversationRefs.length === 0 ? [] : yield* rows.conversations(conversationRefs)
    return {
      inputs,
      details,
      taken: new Map(
        taken.map(({ input, projectId }) => [logKey({ projectId, runId: input.publicId }), input]),
      ),
      messages: new Map(
        conversations.map((found) => [`${found.projectId}/${found.conversationId}`, found.messages]),
      ),
    }
  })
