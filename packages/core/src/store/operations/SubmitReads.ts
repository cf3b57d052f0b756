/**
 * What the submissions of a commit read before they are decided.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import type { TakenInput } from "../../ports/FollowUp.js"
import type { RunBatch } from "../commit/RunBatch.js"
import { logKey } from "../commit/Wakeups.js"
import type {
  ConversationMessages,
  Debounced,
  Lane,
  RunKey,
  RunRef,
  SubmittedDetails,
} from "../rows/RunRows.js"
import * as Multitask from "./Multitask.js"
import * as SubmitLimits from "./SubmitLimits.js"
import { debouncedName, debouncedOf, laneName, laneOf, type Request } from "./SubmitRequest.js"

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
 * What a commit has found for its submissions, by the names that `logKey`, `laneName` and `conversationName` give.
 *
 * @since 0.1.0
 * @category models
 */
export interface Found extends SubmitLimits.Read {
  /** The runs of the lanes that submissions look at, from the oldest on. */
  readonly lanes: ReadonlyMap<string, Array<RunRef>>
  /** The lanes that have an unfinished run. */
  readonly busyLanes: Set<string>
  /** The runs that have taken inputs, by the names of the inputs. */
  readonly inputs: Map<string, Ids.RunId>
  /** The runs that took earlier submissions of their keys, the oldest first, by the names of `debouncedName`. */
  readonly debounced: Map<string, Array<RunRef>>
  /** Inputs of submissions that steer, or that another run has taken. */
  readonly taken: Map<string, TakenInput>
  /** The submissions of runs that are there already. */
  readonly details: ReadonlyMap<RunKey, SubmittedDetails>
  readonly histories: ReadonlyMap<string, ConversationMessages["messages"]>
}

export const conversationName = (ref: Pick<Request, "projectId" | "conversationId">): string =>
  `${ref.projectId}/${ref.conversationId}`

const nothing: ReadonlyArray<never> = []

/** The runs of the lanes that submissions look at. */
const readLanes = <X>(requests: ReadonlyArray<Request>, { add, rows }: RunBatch<X>) => {
  const looking = new Map(sharedLanes(requests.filter(Multitask.looks)).map((lane) => [laneName(lane), lane]))
  const lanes = new Map(Array.from(looking.keys(), (name): [string, Array<RunRef>] => [name, []]))
  if (looking.size === 0) return Effect.succeed(lanes)
  return Effect.map(rows.laneRuns([...looking.values()]), (runs) => {
    for (const run of runs) {
      const { lane, projectId, runId } = add(run).state.spec
      if (lane !== null) lanes.get(laneName({ projectId, lane }))?.push({ projectId, runId })
    }
    return lanes
  })
}

/** The runs that may take these submissions. */
const readDebounced = <X>(requests: ReadonlyArray<Request>, { add, rows }: RunBatch<X>) => {
  const names = new Map<string, Debounced>()
  for (const request of requests) {
    const name = debouncedOf(request)
    if (name !== undefined) names.set(debouncedName(name), name)
  }
  const found = new Map(Array.from(names.keys(), (name): [string, Array<RunRef>] => [name, []]))
  if (names.size === 0) return Effect.succeed(found)
  return Effect.map(rows.debounced([...names.values()]), (runs) => {
    for (const run of runs) {
      const { agentId, debounceKey, projectId, runId } = add(run).state.spec
      if (debounceKey === null) continue
      found.get(debouncedName({ projectId, agentId, key: debounceKey }))?.push({ projectId, runId })
    }
    return found
  })
}

/** The lanes of submissions that have an unfinished run. Those that were looked at are not read again. */
const readBusyLanes = <X>(requests: ReadonlyArray<Request>, lanes: Found["lanes"], batch: RunBatch<X>) => {
  const others = sharedLanes(requests).filter((lane) => !lanes.has(laneName(lane)))
  const busy = Array.from(lanes).flatMap(([name, runs]) =>
    Multitask.unfinishedOf(batch, runs).length === 0 ? [] : [name],
  )
  return others.length === 0
    ? Effect.succeed(new Set(busy))
    : Effect.map(batch.rows.busyLanes(others), (found) => new Set([...busy, ...found.map(laneName)]))
}

/** The runs and inputs that the submissions name. */
const readNamed = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>) => {
  const names = requests.flatMap(({ projectId, runId, submission: { parentRunId, publicId } }) => [
    ...(publicId === undefined ? [] : [{ projectId, runId }]),
    ...(parentRunId === undefined ? [] : [{ projectId, runId: parentRunId }]),
  ])
  return names.length === 0
    ? Effect.succeed(nothing)
    : Effect.zipRight(
        batch.flush("inputs"),
        Effect.suspend(() => batch.rows.findNamed(names)),
      )
}

const readHistories = <X>(requests: ReadonlyArray<Request>, { rows }: RunBatch<X>) => {
  const refs = requests.flatMap(({ conversationId, projectId, submission }) =>
    submission.conversationId === undefined
      ? []
      : [{ projectId, conversationId, messages: submission.snapshot === undefined }],
  )
  return refs.length === 0 ? Effect.succeed(nothing) : rows.conversations(refs)
}

/**
 * Reads what is there already of what the submissions name. Keys and lanes come first: until they are locked, a submission of the same
 * public id may be under way to them.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>): Effect.Effect<Found, X> =>
  Effect.gen(function* () {
    const { rows } = batch
    const debounced = yield* readDebounced(requests, batch)
    const lanes = yield* readLanes(requests, batch)
    const named = yield* readNamed(requests, batch)
    const inputs = new Map<string, Ids.RunId>()
    for (const { name, run } of named) {
      const { runId } = batch.add(run).state.spec
      if (name.runId !== runId) inputs.set(logKey(name), runId)
    }
    const details =
      named.length === 0
        ? new Map<RunKey, SubmittedDetails>()
        : yield* rows.submitted(named.map(({ run }) => run))
    const going = requests.filter(
      (request) =>
        (request.messages.length > 0 || debouncedOf(request) !== undefined) && inputs.has(logKey(request)),
    )
    const taken = going.length === 0 ? nothing : yield* rows.inputs(going, [])
    const histories = yield* readHistories(requests, batch)
    const busyLanes = yield* readBusyLanes(requests, lanes, batch)
    return {
      debounced,
      lanes,
      busyLanes,
      inputs,
      taken: new Map(
        taken.map(({ input, projectId }) => [logKey({ projectId, runId: input.publicId }), input]),
      ),
      details,
      histories: new Map(histories.map((found) => [conversationName(found), found.messages])),
      ...(yield* SubmitLimits.read(requests, batch)),
    }
  })
