/** Reads of runs on a SQL database, outside of transactions. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids, RequestSnapshot } from "@runlease/core"
import { KeysetPage, type RunRows, type RunStore } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { select } from "../dialect/ExecuteStatement.js"
import type { ToRow } from "../rows/Columns.js"
import { joinedStates, listedBytes } from "../rows/RunRow.js"
import * as CounterQueries from "./CounterQueries.js"
import * as DetailQueries from "./DetailQueries.js"
import * as DueQueries from "./DueQueries.js"
import * as InputRows from "./InputRows.js"
import * as LimitReads from "./LimitReads.js"
import * as LogQueries from "./LogQueries.js"
import * as RecordQueries from "./RecordQueries.js"
import * as RunQueries from "./RunQueries.js"
import * as SummaryQueries from "./SummaryQueries.js"

interface WorkerRow {
  readonly id: Ids.WorkerId
  readonly project_id: Ids.ProjectId
  readonly implementation_kind: string
  readonly worker_key: string
  readonly version: string | null
  readonly display_name: string | null
}

const toSize: ToRow<readonly [RunRows.RunKey, number]> = ([key, bytes]) => [Number(key), Number(bytes)]

const listed = (
  database: Database,
  keys: ReadonlyArray<RunRows.RunKey>,
): ReturnType<RunStore.RunReads<SqlError>["listed"]> => {
  const { sql } = database
  const ofKeys = <A>(columns: string, toRow: ToRow<A>, some: ReadonlyArray<RunRows.RunKey>) =>
    select(
      toRow,
      sql`SELECT ${sql.literal(columns)} FROM ${RunQueries.keyRows(database, some)} v
          JOIN runs r ON r.run_pk = v.run_pk ${sql.literal(joinedStates)}
          LEFT JOIN sessions s ON s.run_pk = r.run_pk
          WHERE COALESCE(o.status, '') <> 'pruned'`,
    )
  return Effect.gen(function* () {
    const sizes = new Map(yield* ofKeys(`r.run_pk AS key, ${listedBytes} AS bytes`, toSize, keys))
    const left = keys.filter((key) => sizes.has(key))
    const count = KeysetPage.countWithin(
      left.map((key) => sizes.get(key)!),
      left.length,
    )
    const runs = yield* ofKeys(RunQueries.wholeColumns, RunQueries.toWhole, left.slice(0, count))
    const byKey = new Map(runs.map((row) => [row.key, row]))
    return { rows: left.slice(0, count).flatMap((key) => byKey.get(key) ?? []), more: left.length > count }
  })
}

/** Reads, of which the look at what is due says whether the outbox has a row. */
export interface SqlRunReads extends RunStore.RunReads<SqlError> {
  readonly nextDue: ReturnType<typeof DueQueries.nextDue>
}

export const make = (database: Database): SqlRunReads => ({
  now: database.dialect.now,

  workers: (workerIds) => {
    const { dialect, sql } = database
    const ids = dialect.rows(
      { id: "text" },
      workerIds.map((id) => ({ id })),
    )
    return Effect.map(
      sql<WorkerRow>`SELECT w.id, w.project_id, w.implementation_kind, w.worker_key, w.version, w.display_name
        FROM ${ids} v JOIN workers w ON w.id = v.id`,
      (rows) =>
        new Map(
          rows.map((row) => [
            row.id,
            {
              projectId: row.project_id,
              implementationKind: row.implementation_kind,
              workerKey: row.worker_key,
              version: row.version ?? "",
              name: row.display_name ?? row.worker_key,
            },
          ]),
        ),
    )
  },

  run: (ref) => RunQueries.readRun(database, ref),

  snapshot: (ref) =>
    Effect.map(DetailQueries.readSnapshot(database, ref), (text) =>
      text === undefined ? undefined : (JSON.parse(text) as RequestSnapshot.RequestSnapshot),
    ),

  requests: (ref, runIds) => DetailQueries.readRequests(database, ref, runIds),

  listed: (keys) => (keys.length === 0 ? Effect.succeed({ rows: [], more: false }) : listed(database, keys)),

  inputs: (ref) => InputRows.ofRun(database, ref),

  runIdOf: (name) => InputRows.runIdOf(database, name),

  log: (ref, after, bounds) => LogQueries.readPage(database, ref, after, bounds),

  counters: (projectId, query) => CounterQueries.read(database, projectId, query),

  limits: LimitReads.reads(database),

  summaries: SummaryQueries.make(database),

  records: RecordQueries.reads(database),

  nextDue: DueQueries.nextDue(database),
})
