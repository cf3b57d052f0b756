/**
 * Reads of runs on a SQL database, outside of transactions.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { type Ids, Labels, type RequestSnapshot } from "@runlease/core"
import { KeysetPage, RareLabel, type RunRows, type RunStore } from "@runlease/core/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { select } from "../dialect/ExecuteStatement.js"
import type { ToRow } from "../rows/Columns.js"
import { states } from "../rows/RunFields.js"
import { joinedStates, listedBytes, stateColumn } from "../rows/RunRow.js"
import { tableOf } from "../rows/StateRows.js"
import * as BulkQueries from "./BulkQueries.js"
import * as CounterQueries from "./CounterQueries.js"
import * as DetailQueries from "./DetailQueries.js"
import * as DueQueries from "./DueQueries.js"
import * as InputRows from "./InputRows.js"
import * as LabelRows from "./LabelRows.js"
import * as LimitReads from "./LimitReads.js"
import * as LogQueries from "./LogQueries.js"
import * as RunQueries from "./RunQueries.js"
import * as ScheduleQueries from "./ScheduleQueries.js"
import * as SummaryQueries from "./SummaryQueries.js"

interface WorkerRow {
  readonly project_id: Ids.ProjectId
  readonly implementation_kind: string
  readonly worker_key: string
}

/** Where a list begins: at rows of runs, whose key is `key`, that are few beside those that it leaves out. */
interface Start {
  readonly from: string
  readonly key: string
  readonly filters: ReadonlyArray<Fragment>
}

type Filter = Parameters<RunStore.RunReads<SqlError>["list"]>[1]

/** The label that a list begins at; undefined where it begins at the runs of a conversation or of a parent, which are few. */
const firstLabel = (
  database: Database,
  projectId: Ids.ProjectId,
  { conversationId, labels = Labels.none, parentRunId }: Filter,
): Effect.Effect<Labels.Label | undefined, SqlError> =>
  Labels.isEmpty(labels) || conversationId !== undefined || parentRunId !== undefined
    ? Effect.succeed(undefined)
    : RareLabel.find(
        { labelled: (of, all, limit) => LabelRows.count(database, of, all, limit) },
        projectId,
        labels,
      )

/**
 * A list of one status begins at the rows of that status. SQLite would begin with all runs of the project, so CROSS JOIN fixes the
 * order for it, unless the runs of an agent or of a conversation may be fewer.
 */
const startOf = (
  { sql }: Database,
  projectId: Ids.ProjectId,
  { agentId, conversationId, parentRunId, status }: Filter,
  label: Labels.Label | undefined,
): Start => {
  if (label !== undefined) {
    const [name, value] = label
    return {
      from: "run_labels f CROSS JOIN runs r",
      key: "f.run_pk",
      filters: [
        sql.literal("r.run_pk = f.run_pk"),
        sql`f.project_id = ${projectId}`,
        sql`f.name = ${name}`,
        sql`f.value = ${value}`,
        ...(status === undefined ? [] : [sql`${sql.literal(stateColumn("status", states))} = ${status}`]),
      ],
    }
  }
  if (status === undefined) return { from: "runs r", key: "r.run_pk", filters: [] }
  const table = tableOf({ status })
  const filters = table !== "outcomes" ? [] : [sql`f.project_id = ${projectId}`, sql`f.status = ${status}`]
  return agentId === undefined && conversationId === undefined && parentRunId === undefined
    ? {
        from: `${table} f CROSS JOIN runs r`,
        key: "f.run_pk",
        filters: [sql.literal("r.run_pk = f.run_pk"), ...filters],
      }
    : { from: `${table} f JOIN runs r ON r.run_pk = f.run_pk`, key: "r.run_pk", filters }
}

const toSize: ToRow<readonly [RunRows.RunKey, number]> = ([key, bytes]) => [Number(key), Number(bytes)]

const listFrom = (
  database: Database,
  projectId: Ids.ProjectId,
  filter: Filter,
  { before, least, limit }: Parameters<RunStore.RunReads<SqlError>["list"]>[2],
  label: Labels.Label | undefined,
): ReturnType<RunStore.RunReads<SqlError>["list"]> => {
  const { sql } = database
  const { agentId, conversationId, labels = Labels.none, parentRunId } = filter
  const start = startOf(database, projectId, filter, label)
  const key = sql.literal(start.key)
  const filters: Array<Fragment> = [
    sql`r.project_id = ${projectId}`,
    sql`${key} < ${before}`,
    ...(least === 0 ? [] : [sql`${key} >= ${least}`]),
    sql`COALESCE(o.status, '') <> 'pruned'`,
    ...start.filters,
  ]
  for (const [name, value] of Labels.entries(labels)) {
    if (name === label?.[0]) continue
    filters.push(
      sql`EXISTS (SELECT 1 FROM run_labels x WHERE x.project_id = ${projectId} AND x.name = ${name}
          AND x.value = ${value} AND x.run_pk = r.run_pk)`,
    )
  }
  if (agentId !== undefined) filters.push(sql`r.agent_id = ${agentId}`)
  if (parentRunId !== undefined) filters.push(sql`r.parent_run_id = ${parentRunId}`)
  if (conversationId !== undefined) filters.push(sql`r.conversation_id = ${conversationId}`)
  const newest = <A>(columns: string, toRow: ToRow<A>, most: number) =>
    select(
      toRow,
      sql`SELECT ${sql.literal(columns)}
          FROM ${sql.literal(`${start.from} ${joinedStates}`)}
          LEFT JOIN sessions s ON s.run_pk = r.run_pk
          WHERE ${sql.and(filters)} ORDER BY ${key} DESC LIMIT ${most}`,
    )
  return Effect.gen(function* () {
    const sizes = yield* newest(`${listedBytes} AS bytes`, ([bytes]) => Number(bytes), limit + 1)
    const count = KeysetPage.countWithin(sizes, limit)
    const rows = count === 0 ? [] : yield* newest(RunQueries.wholeColumns, RunQueries.toWhole, count)
    return { rows, more: sizes.length > count }
  })
}

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

const list =
  (database: Database): RunStore.RunReads<SqlError>["list"] =>
  (projectId, filter, page) =>
    Effect.flatMap(firstLabel(database, projectId, filter), (label) =>
      listFrom(database, projectId, filter, page, label),
    )

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): RunStore.RunReads<SqlError> => ({
  now: database.dialect.now,

  worker: (workerId) =>
    Effect.map(
      database.sql<WorkerRow>`
        SELECT project_id, implementation_kind, worker_key FROM workers WHERE id = ${workerId}`,
      ([row]) =>
        row && {
          projectId: row.project_id,
          implementationKind: row.implementation_kind,
          workerKey: row.worker_key,
        },
    ),

  run: (ref) => RunQueries.readRun(database, ref),

  snapshot: (ref) =>
    Effect.map(DetailQueries.readSnapshot(database, ref), (text) =>
      text === undefined ? undefined : (JSON.parse(text) as RequestSnapshot.RequestSnapshot),
    ),

  requests: (ref, runIds) => DetailQueries.readRequests(database, ref, runIds),

  firstSnapshot: (ref) =>
    Effect.map(DetailQueries.readFirstSnapshot(database, ref), (text) =>
      text === undefined ? undefined : (JSON.parse(text) as RequestSnapshot.RequestSnapshot),
    ),

  list: list(database),

  listed: (keys) => (keys.length === 0 ? Effect.succeed({ rows: [], more: false }) : listed(database, keys)),

  inputs: (ref) => InputRows.ofRun(database, ref),

  runIdOf: (name) => InputRows.runIdOf(database, name),

  log: (ref, after, bounds) => LogQueries.readPage(database, ref, after, bounds),

  counters: (projectId, query) => CounterQueries.read(database, projectId, query),

  limits: LimitReads.reads(database),

  summaries: SummaryQueries.make(database),

  schedules: ScheduleQueries.reads(database),

  bulk: BulkQueries.reads(database),

  nextDue: DueQueries.nextDue(database),
})
