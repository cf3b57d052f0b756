/** Appending to a run of a commit, alone or as the last thing before the run ends. */
import type { LogEvent } from "@runlease/core/AgentEvent"
import * as AppendRules from "@runlease/core/AppendRules"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import type * as Ids from "@runlease/core/Ids"
import { type LeaseLost, type LeaseRef, RunNotFound } from "@runlease/core/Run"
import type { Appended, AppendError, AppendRequest, EventRefused } from "@runlease/core/RunLog"
import { Effect, Either, Function } from "effect"
import { admits, holds } from "../rules/Transition.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import type { StoredRun } from "../rows/RunRows.js"

export interface Request {
  readonly projectId: Ids.ProjectId
  readonly append: AppendRequest
  /** The events as JSON text, or why they are refused. */
  readonly encoded: Either.Either<ReadonlyArray<string>, EventRefused>
}

export type Refusal = Exclude<AppendError, ControlPlaneError>

export const request = (projectId: Ids.ProjectId, append: AppendRequest): Request => ({
  projectId,
  append,
  encoded:
    append.fence === undefined
      ? AppendRules.encodeUnfenced(append.events)
      : AppendRules.encode(append.events),
})

/** Adds those events that the log does not have already. */
const add = <X>(
  batch: RunBatch<X>,
  run: StoredRun,
  events: ReadonlyArray<LogEvent>,
  texts: ReadonlyArray<string>,
  { unsequenced = false, there = 0 }: { readonly unsequenced?: boolean; readonly there?: number } = {},
): Appended => {
  const added = events.slice(there).map((event, index) => ({ event, text: texts[there + index]! }))
  const { state } =
    added.length === 0
      ? run
      : batch.apply(run, RunTransitions.append(run.state, added, batch.now, unsequenced))
  return {
    latestEventId: state.latestEventId,
    latestSequence: state.latestSequence,
    appendedCount: added.length,
    ...(state.log.inbox === undefined ? {} : { inbox: state.log.inbox }),
  }
}

/** Appends to a run of the batch. Events that may be there already are compared with those of the log. */
export const append = <X>(
  batch: RunBatch<X>,
  request: Request,
): Effect.Effect<Either.Either<Appended, Refusal>, X> => {
  const { append, encoded, projectId } = request
  const { events, expectedEventId, expectedSequence, fence, runId } = append
  // What no caller without a lease may append depends on no run, so a server may refuse it before it calls the store.
  if (Either.isLeft(encoded) && encoded.left.reason === "reserved") {
    return Effect.succeed(Either.left(encoded.left))
  }
  const run = batch.find({ projectId, runId })
  if (run === undefined) return Effect.succeed(Either.left(new RunNotFound({ runId })))
  const admitted = admits(run.state, fence, batch.now)
  if (Either.isLeft(admitted)) return Effect.succeed(Either.left(admitted.left))
  if (Either.isLeft(encoded)) return Effect.succeed(Either.left(encoded.left))
  const texts = encoded.right
  if (AppendRules.atEnd(append, run.state)) {
    return Effect.succeed(Either.right(add(batch, run, events, texts)))
  }
  const tail = batch.rows.tail({
    key: run.key,
    // The id of an event is never below its sequence.
    afterEventId: expectedEventId ?? expectedSequence ?? 0,
    afterSequence: expectedEventId === undefined ? (expectedSequence ?? 0) : 0,
    limit: events.length + 1,
  })
  // What this commit has appended so far is part of the log. To write it may change the run: its tree may have ended or spent.
  return Effect.map(Effect.zipRight(batch.flush(), tail), (entries): Either.Either<Appended, Refusal> => {
    const current = batch.find({ projectId, runId })!
    return Either.flatMap(admits(current.state, fence, batch.now), () =>
      AppendRules.atEnd(append, current.state)
        ? Either.right(add(batch, current, events, texts))
        : Either.map(AppendRules.alreadyThere(append, current.state, entries), (there) =>
            add(batch, current, events, texts, { there }),
          ),
    )
  })
}

const appendAll = Effect.fnUntraced(function* <X>(
  requests: ReadonlyArray<Request>,
  batch: RunBatch<X>,
): Effect.fn.Return<ReadonlyArray<Either.Either<Appended, Refusal>>, X> {
  const verdicts: Array<Either.Either<Appended, Refusal>> = []
  for (const request of requests) verdicts.push(yield* append(batch, request))
  return verdicts
})

export const operation = <X>(): RunOperation<Request, Appended, Appended, Refusal, X> => ({
  name: "RunLog.append",
  refs: ({ append: { runId }, projectId }) => [{ projectId, runId }],
  decide: appendAll,
  answer: Function.identity,
})

interface UnsequencedAppend extends Pick<Request, "projectId" | "encoded"> {
  readonly lease: LeaseRef
  readonly events: ReadonlyArray<LogEvent>
}

/** Appends in addition to the events of the holder. */
export const unsequenced = <X>(): RunOperation<
  UnsequencedAppend,
  Appended,
  Appended,
  RunNotFound | LeaseLost | EventRefused,
  X
> => ({
  name: "Leases.appendBeside",
  refs: ({ lease: { runId }, projectId }) => [{ projectId, runId }],
  decide: (requests, batch) =>
    batch.inTurn(requests, ({ encoded, events, lease, projectId }) => {
      const { runId } = lease
      const run = batch.find({ projectId, runId })
      if (run === undefined) return Either.left(new RunNotFound({ runId }))
      return Either.flatMap(holds(run.state, lease, batch.now), () =>
        Either.map(encoded, (texts) => add(batch, run, events, texts, { unsequenced: true })),
      )
    }),
  answer: Function.identity,
})
