/**
 * The run log on SQL.
 *
 * @since 0.1.0
 */
import { type Ids, LogTails, Run, RunLog } from "@runlease/core"
import { Effect, type Scope } from "effect"
import * as EventRows from "./EventRows.js"
import * as RunAppend from "./RunAppend.js"
import * as RunBatch from "./RunBatch.js"
import * as RunReads from "./RunReads.js"
import { eventId, type RunRow } from "./RunRow.js"
import type { SqlStore } from "./SqlStore.js"

const readEntries = ({ sql }: SqlStore, runPk: number, after: number, limit: number) =>
  Effect.map(
    sql<EventRows.EntryRow>`SELECT event_id, sequence, payload, created_at FROM events
      WHERE run_pk = ${runPk} AND event_id > ${after} ORDER BY event_id LIMIT ${limit} + 0`,
    EventRows.toPiece,
  )

/** The oldest entries after a position, and how the run stood just before: one that had ended has no others. */
const readPage = (store: SqlStore, ref: RunReads.RunRef, after: number) =>
  Effect.gen(function* () {
    const [row] = yield* store.sql<Pick<RunRow, "run_pk" | "status" | "latest_event_id">>`
      SELECT run_pk, status, latest_event_id FROM runs
      WHERE project_id = ${ref.projectId} AND run_id = ${ref.runId}`
    if (row === undefined) return undefined
    const piece = yield* readEntries(store, row.run_pk, after, RunLog.maxReadLimit)
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
    const append = store.writer.operation<RunAppend.Request, RunLog.Appended, RunAppend.Refusal>({
      name: "RunLog.append",
      load: (requests, commit) =>
        RunBatch.load(
          store,
          commit,
          requests.map(({ projectId, append: { runId } }) => ({ projectId, runId })),
        ),
      run: (requests, commit) =>
        Effect.gen(function* () {
          const runs = yield* RunBatch.ofCommit(store, commit)
          return yield* Effect.forEach(requests, (request) => RunAppend.append(store, runs, request))
        }),
    })

    const find = (operation: string, ref: RunReads.RunRef) =>
      Effect.filterOrFail(
        store.read(operation, RunReads.findRun(store, ref)),
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
      append: (request) => append(RunAppend.request(projectId, request)),

      read: Effect.fn("RunLog.read")(function* ({ runId, after = 0, limit = RunLog.defaultReadLimit }) {
        const row = yield* find("RunLog.read", { projectId, runId })
        const bounded = Math.min(Math.max(1, limit), RunLog.maxReadLimit)
        const { entries } = yield* store.read("RunLog.read", readEntries(store, row.run_pk, after, bounded))
        return entries
      }),

      follow: ({ runId, after = eventId(0) }) => tails.follow({ projectId, runId }, after),
    })
  })
