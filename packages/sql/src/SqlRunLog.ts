/**
 * The run log on SQL.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Append, type Ids, LogTails, Run, RunLog } from "@runlease/core"
import { Effect, Either, type Scope } from "effect"
import * as Moves from "./Moves.js"
import * as RunBatch from "./RunBatch.js"
import type { RunRow } from "./RunRow.js"
import type { SqlStore } from "./SqlStore.js"

interface Request {
  readonly projectId: Ids.ProjectId
  readonly append: RunLog.AppendRequest
  /** The events as JSON text, or why they are refused. */
  readonly encoded: Either.Either<ReadonlyArray<string>, RunLog.EventRefused>
}

type Refusal = Exclude<RunLog.AppendError, { readonly _tag: "ControlPlaneUnavailable" }>

const readEntries = ({ sql }: SqlStore, runPk: number, after: number, limit: number) =>
  Effect.map(
    sql<RunBatch.EntryRow>`SELECT event_id, sequence, payload, created_at FROM events
      WHERE run_pk = ${runPk} AND event_id > ${after} ORDER BY event_id LIMIT ${limit}`,
    RunBatch.toPiece,
  )

/** The oldest entries after a position, and how the run stood just before: one that had ended has no others. */
const readPage = (store: SqlStore, ref: RunBatch.RunRef, after: number) =>
  Effect.gen(function* () {
    const [row] = yield* store.sql<Pick<RunRow, "run_pk" | "status" | "latest_event_id">>`
      SELECT run_pk, status, latest_event_id FROM runs
      WHERE project_id = ${ref.projectId} AND run_id = ${ref.runId}`
    if (row === undefined) return undefined
    const piece = yield* readEntries(store, row.run_pk, after, RunLog.maxReadLimit)
    return { ...piece, latest: Run.EventId.make(row.latest_event_id), ended: Run.isTerminal(row.status) }
  })

/**
 * The outsiders' entries after the request's cursor, one more than its batch at most. An event's id is never
 * below its sequence, so the sequence bounds the id too.
 */
const readTail = ({ sql }: SqlStore, runPk: number, request: RunLog.AppendRequest) =>
  Effect.map(
    sql<RunBatch.EntryRow>`SELECT event_id, sequence, payload, created_at FROM events
      WHERE run_pk = ${runPk} AND event_id > ${request.expectedEventId ?? request.expectedSequence ?? 0}
        AND sequence > ${request.expectedEventId === undefined ? (request.expectedSequence ?? 0) : 0}
      ORDER BY event_id LIMIT ${request.events.length + 1}`,
    (rows) => RunBatch.toPiece(rows).entries,
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

const appended = (row: RunRow, appendedCount: number): RunLog.Appended => ({
  latestEventId: Run.EventId.make(row.latest_event_id),
  latestSequence: Run.Sequence.make(row.latest_sequence),
  appendedCount,
})

/** Appends to one run of the batch. A batch that may be there already is compared with what the log holds. */
const appendOne = (
  store: SqlStore,
  runs: RunBatch.RunBatch,
  request: Request,
): Effect.Effect<Either.Either<RunLog.Appended, Refusal>, SqlError> =>
  Effect.gen(function* () {
    const { projectId, append } = request
    const row = runs.find({ projectId, runId: append.runId })
    if (row === undefined) return Either.left(new Run.RunNotFound({ runId: append.runId }))
    const admitted = admit(row, request, runs.now)
    if (Either.isLeft(admitted)) return Either.left(admitted.left)
    let known = 0
    const position = { latestEventId: row.latest_event_id, latestSequence: row.latest_sequence }
    if (!Append.atEnd(append, position)) {
      // What this commit has appended so far is part of the log.
      yield* runs.flush
      const there = Append.alreadyThere(append, position, yield* readTail(store, row.run_pk, append))
      if (Either.isLeft(there)) return Either.left(there.left)
      known = there.right
    }
    const added = append.events
      .slice(known)
      .map((event, index) => ({ event, payload: admitted.right[known + index]! }))
    const after = added.length === 0 ? row : runs.append(row, added)
    return Either.right(appended(after, added.length))
  })

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  store: SqlStore,
): Effect.Effect<(projectId: Ids.ProjectId) => RunLog.RunLog["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const append = store.writer.operation<Request, RunLog.Appended, Refusal>({
      name: "RunLog.append",
      run: (requests, commit) =>
        Effect.gen(function* () {
          const runs = yield* RunBatch.make(store, commit)
          yield* runs.load(requests.map(({ projectId, append: { runId } }) => ({ projectId, runId })))
          const verdicts = yield* Effect.forEach(requests, (request) => appendOne(store, runs, request))
          yield* runs.flush
          return verdicts
        }),
    })

    const find = (operation: string, ref: RunBatch.RunRef) =>
      Effect.filterOrFail(
        store.read(operation, RunBatch.findRun(store, ref)),
        (row) => row !== undefined,
        () => new Run.RunNotFound({ runId: ref.runId }),
      )

    const tails = yield* LogTails.make({
      wakeups: store.wakeups,
      read: (ref, after) =>
        Effect.flatMap(store.read("RunLog.follow", readPage(store, ref, after)), (page) =>
          page === undefined ? new Run.RunNotFound({ runId: ref.runId }) : Effect.succeed(page),
        ),
    })

    return (projectId) => ({
      append: Effect.fn("RunLog.append")((request) =>
        append({ projectId, append: request, encoded: Append.encode(request.events) }),
      ),

      read: Effect.fn("RunLog.read")(function* ({ runId, after = 0, limit = RunLog.defaultReadLimit }) {
        const row = yield* find("RunLog.read", { projectId, runId })
        const bounded = Math.min(Math.max(1, limit), RunLog.maxReadLimit)
        const { entries } = yield* store.read("RunLog.read", readEntries(store, row.run_pk, after, bounded))
        return entries
      }),

      follow: ({ runId, after = Run.EventId.make(0) }) => tails.follow({ projectId, runId }, after),
    })
  })
