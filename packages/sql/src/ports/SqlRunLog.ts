/**
 * The run log on SQL.
 *
 * @since 0.1.0
 */
import { type Ids, LogTails, Run, RunLog } from "@runlease/core"
import { Effect, Function, type Scope } from "effect"
import * as EventRows from "../rows/EventRows.js"
import * as InputRows from "../batch/InputRows.js"
import * as RunAppend from "../batch/RunAppend.js"
import * as RunQueries from "../batch/RunQueries.js"
import { eventId } from "../rows/RunCodec.js"
import type { RunRow } from "../rows/RunRow.js"
import type { SqlStore } from "../batch/SqlStore.js"

const entryBytes = String(RunLog.entryBytes)

interface Most {
  readonly entries: number
  readonly bytes: number
}

/**
 * The entries after a position that are at most so many, and so many bytes, but one at least. Where they end is found event
 * by event, since a store may read an event whole to tell its size. A log has no gaps.
 */
const readEntries = ({ sql }: SqlStore, runPk: number, after: number, most: Most) =>
  Effect.map(
    sql<EventRows.EntryRow>`SELECT event_id, sequence, payload, created_at FROM events
      WHERE run_pk = ${runPk} AND event_id > ${after} AND event_id <= (
        WITH RECURSIVE page (event_id, total, entries) AS (
          SELECT event_id, octet_length(payload) + ${sql.literal(entryBytes)}, 1 FROM events
          WHERE run_pk = ${runPk} AND event_id = ${after} + 1
          UNION ALL
          SELECT e.event_id, p.total + octet_length(e.payload) + ${sql.literal(entryBytes)}, p.entries + 1
          FROM page p JOIN events e ON e.run_pk = ${runPk} AND e.event_id = p.event_id + 1
          WHERE p.entries < ${most.entries}
            AND p.total + octet_length(e.payload) + ${sql.literal(entryBytes)} <= ${most.bytes}
        ) SELECT MAX(event_id) FROM page
      ) ORDER BY event_id`,
    EventRows.toPiece,
  )

/** The oldest entries after a position, and how the run stood just before: one that had ended has no others. */
const readPage = (store: SqlStore, ref: RunQueries.RunRef, after: number) =>
  Effect.gen(function* () {
    const [row] = yield* store.sql<Pick<RunRow, "run_pk" | "status" | "latest_event_id">>`
      SELECT run_pk, status, latest_event_id FROM runs
      WHERE project_id = ${ref.projectId} AND run_id = ${ref.runId}`
    if (row === undefined) return undefined
    const piece = yield* readEntries(store, row.run_pk, after, {
      entries: RunLog.maxReadLimit,
      bytes: RunLog.maxFollowBytes,
    })
    return { ...piece, latest: eventId(row.latest_event_id), ended: Run.isTerminal(row.status) }
  })

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  store: SqlStore,
): Effect.Effect<(projectId: Ids.ProjectId) => RunLog.RunLog["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const append = store.writer.operation<
      RunAppend.Request,
      RunLog.Appended,
      RunLog.Appended,
      RunAppend.Refusal
    >({
      name: "RunLog.append",
      refs: ({ append: { runId }, projectId }) => [{ projectId, runId }],
      decide: (requests, runs) =>
        Effect.forEach(requests, (request) => RunAppend.append(store, runs, request)),
      answer: Function.identity,
    })

    const find = (ref: RunQueries.RunRef) =>
      Effect.filterOrFail(
        store.read("RunLog.read", RunQueries.findRun(store, ref)),
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

    /** A tail reads the log by the run's own id. */
    const readerOf =
      (projectId: Ids.ProjectId): RunLog.RunLog["Type"]["reader"] =>
      ({ runId }) =>
        Effect.flatMap(InputRows.onNamed(store, "RunLog.follow", { projectId, runId }, find), ({ run_id }) =>
          tails.reader({ projectId, runId: run_id }),
        )

    return (projectId) => ({
      append: (request) => append(RunAppend.request(projectId, request)),

      read: Effect.fnUntraced(function* ({ runId, after = 0, limit = RunLog.defaultReadLimit }) {
        const row = yield* InputRows.onNamed(store, "RunLog.read", { projectId, runId }, find)
        const most = {
          entries: Math.min(Math.max(1, limit), RunLog.maxReadLimit),
          bytes: RunLog.maxReadBytes,
        }
        const { entries } = yield* store.read("RunLog.read", readEntries(store, row.run_pk, after, most))
        return entries
      }),

      follow: ({ after, runId }) => RunLog.followWith(readerOf(projectId)({ runId }), after),

      reader: readerOf(projectId),
    })
  })
