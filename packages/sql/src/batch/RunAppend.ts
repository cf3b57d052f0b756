/**
 * Appending to a run of the batch, alone or as the last thing before it ends.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import {
  AppendRules,
  type ControlPlaneError,
  Fencing,
  type Ids,
  Run,
  type RunLog,
  Transitions,
} from "@runlease/core"
import { Effect, Either } from "effect"
import * as EventRows from "../rows/EventRows.js"
import { execute } from "../dialect/ExecuteStatement.js"
import type * as RunBatch from "./RunBatch.js"
import type { StoredRun } from "../rows/RunCodec.js"
import type { Database } from "../dialect/Dialect.js"

export interface Request {
  readonly projectId: Ids.ProjectId
  readonly append: RunLog.AppendRequest
  /** The events as JSON text, or why they are refused. */
  readonly encoded: Either.Either<ReadonlyArray<string>, RunLog.EventRefused>
}

export type Refusal = Exclude<RunLog.AppendError, ControlPlaneError.ControlPlaneError>

type Verdict = Either.Either<RunLog.Appended, Refusal>

export const request = (projectId: Ids.ProjectId, append: RunLog.AppendRequest): Request => ({
  projectId,
  append,
  encoded: AppendRules.encode(append.events),
})

/**
 * The outsiders' entries after the request's cursor, one more than its batch at most. An event's id is never
 * below its sequence, so the sequence bounds the id too.
 */
const readTail = ({ sql }: Database, runPk: number, append: RunLog.AppendRequest) =>
  Effect.map(
    execute(
      sql<EventRows.EntryRow>`SELECT event_id, sequence, payload, created_at FROM events
        WHERE run_pk = ${runPk} AND event_id > ${append.expectedEventId ?? append.expectedSequence ?? 0}
          AND sequence > ${append.expectedEventId === undefined ? (append.expectedSequence ?? 0) : 0}
        ORDER BY event_id LIMIT ${append.events.length + 1}`,
    ),
    (rows) => EventRows.toPiece(rows).entries,
  )

/** Adds those events that the log does not hold already. */
const add = (
  runs: RunBatch.RunBatch,
  run: StoredRun,
  { append: { events } }: Request,
  texts: ReadonlyArray<string>,
  there: number,
): RunLog.Appended => {
  const added = events.slice(there).map((event, index) => ({ event, text: texts[there + index]! }))
  const { state } = added.length === 0 ? run : runs.apply(run, Transitions.append(run.state, added, runs.now))
  return {
    latestEventId: state.latestEventId,
    latestSequence: state.latestSequence,
    appendedCount: added.length,
  }
}

/** Appends to a loaded run. Events that may be there already are compared with those of the log. */
export const append = (
  database: Database,
  runs: RunBatch.RunBatch,
  request: Request,
): Effect.Effect<Verdict, SqlError> => {
  const { append, encoded, projectId } = request
  const { fence, runId } = append
  const run = runs.find({ projectId, runId })
  if (run === undefined) return Effect.succeed(Either.left(new Run.RunNotFound({ runId })))
  const admitted = Fencing.admits(run.state, fence, runs.now)
  if (Either.isLeft(admitted)) return Effect.succeed(Either.left(admitted.left))
  if (Either.isLeft(encoded)) return Effect.succeed(Either.left(encoded.left))
  const texts = encoded.right
  const position = { latestEventId: run.state.latestEventId, latestSequence: run.state.latestSequence }
  if (AppendRules.atEnd(append, position)) {
    return Effect.succeed(Either.right(add(runs, run, request, texts, 0)))
  }
  // What this commit has appended so far is part of the log.
  return Effect.map(Effect.zipRight(runs.flush, readTail(database, run.key, append)), (tail) =>
    Either.map(AppendRules.alreadyThere(append, position, tail), (there) =>
      add(runs, run, request, texts, there),
    ),
  )
}
