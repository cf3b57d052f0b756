/**
 * Queries for what lists show of runs.
 *
 * Each reads rows by a key or by an index, or a bounded number of rows in the order of a key.
 *
 * Source: docs/decisions/0070-summaries.md
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids, Run, SummaryRows } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { toStored } from "../rows/RunCodec.js"
import {
  aliases,
  joinedStates,
  listed,
  type RunRow,
  selectedFrom,
  stateColumn,
  type StateTable,
} from "../rows/RunRow.js"
import { tableOf } from "../rows/StateRows.js"
import * as ClaimRecords from "./ClaimRecords.js"
import { keyRows } from "./RunQueries.js"

type SummaryColumns = RunRow & {
  readonly title: string | null
  readonly parent_run_id: Ids.RunId | null
  readonly root_run_id: Ids.RunId
}

const toRow = (row: SummaryColumns): SummaryRows.SummaryRow => ({
  ...toStored(row),
  title: row.title,
  parentRunId: row.parent_run_id,
  rootRunId: row.root_run_id,
})

const states: ReadonlyArray<StateTable> = ["queue", "leases", "waits", "outcomes"]

/** The columns of a summary, of runs whose state is in one of these tables. */
const summaryOf = (tables: ReadonlyArray<StateTable>): string =>
  `${selectedFrom(tables)}, ${listed("r", ["title", "parent_run_id", "root_run_id"])}`

const candidateNames = ["run_pk", "run_id", "agent_id", "conversation_id", "child", "title"]

const candidateOf = (tables: ReadonlyArray<StateTable>): string =>
  `${listed("r", candidateNames)}, ${stateColumn("status", tables)} AS status, ${stateColumn("attempt", tables)} AS attempt`

type CandidateRow = Pick<
  SummaryColumns,
  "run_pk" | "run_id" | "agent_id" | "conversation_id" | "child" | "title" | "status" | "attempt"
>

const toCandidate = (row: CandidateRow): SummaryRows.Candidate => ({
  key: row.run_pk,
  runId: row.run_id,
  agentId: row.agent_id,
  conversationId: row.conversation_id,
  spawned: row.child !== null,
  title: row.title,
  status: row.status,
  attempt: row.attempt,
})

const whole = `SELECT ${summaryOf(states)} FROM runs r ${joinedStates}`

/** A run that is being deleted has status `pruned`. */
const isThere = "COALESCE(o.status, '') <> 'pruned'"

const find =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["find"] =>
  ({ projectId, runId }) =>
    Effect.map(
      sql<SummaryColumns>`${sql.literal(whole)}
        WHERE r.project_id = ${projectId} AND r.run_id = ${runId} AND ${sql.literal(isThere)}`,
      ([row]) => row && toRow(row),
    )

const ofKeys =
  (database: Database): SummaryRows.SummaryRows<SqlError>["ofKeys"] =>
  (keys) => {
    const { sql } = database
    return Effect.map(
      sql<SummaryColumns>`SELECT ${sql.literal(summaryOf(states))} FROM ${keyRows(database, keys)} v
        JOIN runs r ON r.run_pk = v.run_pk ${sql.literal(joinedStates)} WHERE ${sql.literal(isThere)}`,
      (rows) => rows.map(toRow),
    )
  }

/** Where a list begins, and the tables in which the states of its runs are. */
interface Source {
  readonly tables: ReadonlyArray<StateTable>
  readonly from: string
  readonly key: string
  readonly filters: ReadonlyArray<Fragment>
}

/** A list of one status begins at the rows of that status; CROSS JOIN fixes the order for SQLite. */
const ofStatus = ({ sql }: Database, projectId: Ids.ProjectId, status: Run.RunStatus): Source => {
  const table = tableOf({ status })
  const alias = aliases[table]
  return {
    tables: [table],
    from: `${table} ${alias} CROSS JOIN runs r`,
    key: `${alias}.run_pk`,
    filters: [
      sql`${sql.literal(`r.run_pk = ${alias}.run_pk AND ${alias}.project_id`)} = ${projectId}`,
      ...(table === "outcomes" ? [sql`o.status = ${status}`] : []),
    ],
  }
}

const sourceOf = (database: Database, projectId: Ids.ProjectId, start: SummaryRows.Start): Source => {
  const { sql } = database
  if ("status" in start) return ofStatus(database, projectId, start.status)
  const column =
    "parentRunId" in start
      ? [sql`r.parent_run_id = ${start.parentRunId}`]
      : "conversationId" in start
        ? [sql`r.conversation_id = ${start.conversationId}`]
        : "agentId" in start
          ? [sql`r.agent_id = ${start.agentId}`]
          : []
  return {
    tables: states,
    from: `runs r ${joinedStates}`,
    key: "r.run_pk",
    filters: [sql`r.project_id = ${projectId}`, sql.literal(isThere), ...column],
  }
}

/** The newest runs, with the columns that `columns` names of their tables. */
const newest = <A extends object>(
  database: Database,
  { filters, from, key, tables }: Source,
  { before, from: since, least, limit, to }: SummaryRows.Range,
  columns: (tables: ReadonlyArray<StateTable>) => string,
): Effect.Effect<ReadonlyArray<A>, SqlError> => {
  const { sql } = database
  const all = [
    ...filters,
    sql`${sql.literal(key)} < ${before}`,
    ...(least > 0 ? [sql`${sql.literal(key)} >= ${least}`] : []),
    ...(since === undefined ? [] : [sql`r.created_at >= ${since}`]),
    ...(to === undefined ? [] : [sql`r.created_at < ${to}`]),
  ]
  return sql<A>`SELECT ${sql.literal(columns(tables))} FROM ${sql.literal(from)}
    WHERE ${sql.and(all)} ORDER BY ${sql.literal(key)} DESC LIMIT ${limit}`
}

/**
 * How much later than another run a run may be submitted that has a lower key: transactions of several servers begin in one order and insert in
 * another. A transaction waits for locks at most so long.
 */
const disorder = 10_000

/** The first key from which on the runs were submitted at an instant or later, found in the order of keys. */
const firstKey = ({ sql }: Database, instant: number): Effect.Effect<number, SqlError> => {
  const middle = sql.literal("(low + high) / 2")
  const isEarlier = sql`(
    SELECT r.created_at FROM runs r WHERE r.run_pk >= ${middle} ORDER BY r.run_pk LIMIT 1
  ) < ${instant}`
  return Effect.map(
    sql<{ readonly high: number }>`WITH RECURSIVE bounds (low, high) AS (
        SELECT CAST(0 AS BIGINT), COALESCE((SELECT MAX(run_pk) FROM runs), 0) + 1
        UNION ALL
        SELECT CASE WHEN ${isEarlier} THEN ${middle} ELSE low END,
          CASE WHEN ${isEarlier} THEN high ELSE ${middle} END
        FROM bounds WHERE high - low > 1
      ) SELECT MIN(high) AS high FROM bounds`,
    ([row]) => row!.high,
  )
}

const bounds =
  (database: Database): SummaryRows.SummaryRows<SqlError>["bounds"] =>
  (from, to) =>
    Effect.all({
      least: from === undefined ? Effect.succeed(0) : firstKey(database, from - disorder),
      before: to === undefined ? Effect.succeed(Number.MAX_SAFE_INTEGER) : firstKey(database, to + disorder),
    })

interface KeyRow {
  readonly run_pk: number
}

const keysOf = (rows: ReadonlyArray<KeyRow>): ReadonlyArray<number> => rows.map(({ run_pk }) => run_pk)

/** A run that is never answered in time comes after those that are waited for until a time. */
const asking =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["asking"] =>
  (projectId, limit) =>
    Effect.map(
      sql<KeyRow>`SELECT run_pk FROM (
          SELECT * FROM (
            SELECT run_pk, waiting_expires_at, 0 AS last FROM waits
            WHERE project_id = ${projectId} AND open_interrupts > 0 AND waiting_expires_at IS NOT NULL
            ORDER BY waiting_expires_at, run_pk LIMIT ${limit}
          ) timed UNION ALL SELECT * FROM (
            SELECT run_pk, waiting_expires_at, 1 AS last FROM waits
            WHERE project_id = ${projectId} AND open_interrupts > 0 AND waiting_expires_at IS NULL
            ORDER BY run_pk LIMIT ${limit}
          ) untimed
        ) asked ORDER BY last, waiting_expires_at, run_pk LIMIT ${limit}`,
      keysOf,
    )

const oldestRunnable =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["oldestRunnable"] =>
  (projectId, most) =>
    Effect.map(
      sql<KeyRow>`SELECT run_pk FROM (
          SELECT run_pk, project_id, gate FROM queue ORDER BY run_pk LIMIT ${most}
        ) oldest WHERE gate = 0 AND project_id = ${projectId} ORDER BY run_pk LIMIT 1`,
      ([row]) => row?.run_pk,
    )

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): SummaryRows.SummaryRows<SqlError> => ({
  ...ClaimRecords.make(database),

  find: find(database),

  ofKeys: ofKeys(database),

  list: (projectId, start, range) =>
    Effect.map(
      newest<SummaryColumns>(database, sourceOf(database, projectId, start), range, summaryOf),
      (rows) => rows.map(toRow),
    ),

  candidates: (projectId, start, range) =>
    Effect.map(
      newest<CandidateRow>(database, sourceOf(database, projectId, start), range, candidateOf),
      (rows) => rows.map(toCandidate),
    ),

  bounds: bounds(database),

  asking: asking(database),

  oldestRunnable: oldestRunnable(database),
})
