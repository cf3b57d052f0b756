/**
 * Appending to a run of a commit, alone or as the last thing before the run ends.
 *
 * @since 0.1.0
 */
import { Effect, Either, Function } from "effect"
import type * as Ids from "../model/Ids.js"
import { RunNotFound } from "../model/Run.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { Appended, AppendError, AppendRequest, EventRefused } from "../ports/RunLog.js"
import * as AppendRules from "../rules/AppendRules.js"
import { admits } from "../rules/Fencing.js"
import * as Transitions from "../rules/Transitions.js"
import type { RunBatch } from "./RunBatch.js"
import type { RunOperation } from "./RunCommits.js"
import type { StoredRun } from "./RunRows.js"

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
  encoded: AppendRules.encode(append.events),
})

/** Adds those events that the log does not have already. */
const add = <X>(
  batch: RunBatch<X>,
  run: StoredRun,
  { append: { events } }: Request,
  texts: ReadonlyArray<string>,
  there: number,
): Appended => {
  const added = events.slice(there).map((event, index) => ({ event, text: texts[there + index]! }))
  const { state } =
    added.length === 0 ? run : batch.apply(run, Transitions.append(run.state, added, batch.now))
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
  const run = batch.find({ projectId, runId })
  if (run === undefined) return Effect.succeed(Either.left(new RunNotFound({ runId })))
  const admitted = admits(run.state, fence, batch.now)
  if (Either.isLeft(admitted)) return Effect.succeed(Either.left(admitted.left))
  if (Either.isLeft(encoded)) return Effect.succeed(Either.left(encoded.left))
  const texts = encoded.right
  if (AppendRules.atEnd(append, run.state)) {
    return Effect.succeed(Either.right(add(batch, run, request, texts, 0)))
  }
  const tail = batch.rows.tail({
    key: run.key,
    // The id of an event is never below its sequence.
    afterEventId: expectedEventId ?? expectedSequence ?? 0,
    afterSequence: expectedEventId === undefined ? (expectedSequence ?? 0) : 0,
    limit: events.length + 1,
  })
  // What this commit has appended so far is part of the log. To write it may change the run: its tree may have ended or spent.
  return Effect.map(Effect.zipRight(batch.flush, tail), (entries): Either.Either<Appended, Refusal> => {
    const current = batch.find({ projectId, runId })!
    return Either.flatMap(admits(current.state, fence, batch.now), () =>
      AppendRules.atEnd(append, current.state)
        ? Either.right(add(batch, current, request, texts, 0))
        : Either.map(AppendRules.alreadyThere(append, current.state, entries), (there) =>
            add(batch, current, request, texts, there),
          ),
    )
  })
}

/**
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<Request, Appended, Appended, Refusal, X> => ({
  name: "RunLog.append",
  refs: ({ append: { runId }, projectId }) => [{ projectId, runId }],
  decide: (requests, batch) => Effect.forEach(requests, (request) => append(batch, request)),
  answer: Function.identity,
})
