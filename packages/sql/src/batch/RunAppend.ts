/**
 * Appending to a run of the batch, alone or as the last thing before it ends.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { AppendRules, type ControlPlaneError, type Ids, Run, RunLog } from "@runlease/core"
import { Effect, Either } from "effect"
import * as EventRows from "../rows/EventRows.js"
import { execute } from "../dialect/ExecuteStatement.js"
import * as Moves from "./Moves.js"
import type * as RunBatch from "./RunBatch.js"
import { eventId, type RunRow, sequence } from "../rows/RunRow.js"
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

/** Whether the run takes events from this caller, and the events if so. */
const admit = (
  row: RunRow,
  { append: { fence, runId }, encoded }: Request,
  now: number,
): Either.Either<ReadonlyArray<string>, Refusal> => {
  if (fence !== undefined && Moves.standing(row, fence, now) === "lost") {
    return Either.left(new Run.LeaseLost({ runId, workerId: fence.workerId }))
  }
  if (Run.isTerminal(row.status)) return Either.left(new Run.RunEnded({ runId, status: row.status }))
  if (row.status === "waiting") return Either.left(new RunLog.RunWaiting({ runId }))
  return encoded
}

/** Adds those events that the log does not hold already. */
const add = (
  runs: RunBatch.RunBatch,
  row: RunRow,
  events: RunLog.AppendRequest["events"],
  payloads: ReadonlyArray<string>,
  known: number,
): RunLog.Appended => {
  const added = events.slice(known).map((event, index) => ({ event, payload: payloads[known + index]! }))
  const after = added.length === 0 ? row : runs.append(row, added)
  return {
    latestEventId: eventId(after.latest_event_id),
    latestSequence: sequence(after.latest_sequence),
    appendedCount: added.length,
  }
}

/** Appends to a loaded run. Events that may be there already are compared with what the log holds. */
export const append = (
  database: Database,
  runs: RunBatch.RunBatch,
  asked: Request,
): Effect.Effect<Verdict, SqlError> => {
  const { append, projectId } = asked
  const { events, runId } = append
  const row = runs.find({ projectId, runId })
  if (row === undefined) return Effect.succeed(Either.left(new Run.RunNotFound({ runId })))
  const admitted = admit(row, asked, runs.now)
  if (Either.isLeft(admitted)) return Effect.succeed(Either.left(admitted.left))
  const payloads = admitted.right
  const position = { latestEventId: row.latest_event_id, latestSequence: row.latest_sequence }
  if (AppendRules.atEnd(append, position))
    return Effect.succeed(Either.right(add(runs, row, events, payloads, 0)))
  // What this commit has appended so far is part of the log.
  return Effect.map(Effect.zipRight(runs.flush, readTail(database, row.run_pk, append)), (tail) =>
    Either.map(AppendRules.alreadyThere(append, position, tail), (known) =>
      add(runs, row, events, payloads, known),
    ),
  )
}
