/**
 * Queries for what lists show of runs.
 *
 * Each reads rows by a key or by an index, or a bounded number of rows in the order of a key.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type Ids, Labels, type Run } from "@runlease/core"
import { SummaryRows } from "@runlease/core/store"
import { Effect, Struct } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { columnsIn, fromJson, reader } from "../rows/Fields.js"
import { byTable, detailFields, states, type StateTable, titleFields } from "../rows/RunFields.js"
import { joinedStates, listed, runsIn, type Selection, stateColumn } from "../rows/RunRow.js"
import * as ClaimRecords from "./ClaimRecords.js"
import * as PendingQueries from "./PendingQueries.js"
import { keyRows } from "./RunQueries.js"
import { inRange, keysInRange, sourceOf } from "./SummaryRanges.js"

const summaryFields = { ...titleFields, ...Struct.pick(detailFields, "parentRunId", "rootRunId", "labels") }
const summaryNames = Struct.keys(columnsIn("runs", summaryFields))

/** Summaries of runs whose state is in one of these tables. */
const summaryOf = (tables: ReadonlyArray<StateTable>): Selection<SummaryRows.SummaryRow> => {
  const runs = runsIn(...tables)
  const names = [...runs.names, ...summaryNames]
  const read = reader(summaryFields, names)
  return {
    names,
    columns: `${runs.columns}, ${listed("r", summaryNames)}`,
    toValue: (values) => ({ ...runs.toValue(values), ...read(values) }),
  }
}

const allSummaries = summaryOf(states)
const summariesIn = byTable((table) => summaryOf([table]))

const candidateNames = ["run_pk", "run_id", "agent_id", "conversation_id", "child", "title", "labels"]

/** Only runs that have ended have metadata. What is too long for a search stays in the database. */
const metadataColumn = (tables: ReadonlyArray<StateTable>): string =>
  tables.includes("outcomes")
    ? `CASE WHEN octet_length(o.metadata) <= ${SummaryRows.maxMetadata} THEN o.metadata END`
    : "NULL"

const candidateOf = (tables: ReadonlyArray<StateTable>, needs: SummaryRows.Needs): string =>
  [
    listed("r", candidateNames),
    ...(needs.states
      ? [
          `${stateColumn("status", tables)} AS status`,
          `${stateColumn("attempt", tables)} AS attempt`,
          `${stateColumn("error", tables)} AS error`,
        ]
      : []),
    ...(needs.metadata ? [`${metadataColumn(tables)} AS metadata`] : []),
  ].join(", ")

interface CandidateRow {
  readonly run_pk: number
  readonly run_id: Ids.RunId
  readonly agent_id: Ids.AgentId
  readonly conversation_id: Ids.ConversationId
  readonly child: string | null
  readonly title: string | null
  readonly labels: string | null
  readonly status?: Run.RunStatus
  readonly attempt?: number
  readonly error?: string | null
  readonly metadata?: string | null
}

const toCandidate = ({
  attempt,
  error = null,
  metadata = null,
  status,
  ...row
}: CandidateRow): SummaryRows.Candidate => ({
  key: row.run_pk,
  runId: row.run_id,
  agentId: row.agent_id,
  conversationId: row.conversation_id,
  spawned: row.child !== null,
  title: row.title,
  labels: fromJson<Labels.Labels>(row.labels) ?? Labels.none,
  state:
    status === undefined || attempt === undefined
      ? undefined
      : { status, attempt, error: fromJson<Run.RunError>(error), metadata: fromJson(metadata) },
})

const whole = `SELECT ${allSummaries.columns} FROM runs r ${joinedStates}`

/** A run that is being deleted has status `pruned`. */
const isThere = "COALESCE(o.status, '') <> 'pruned'"

const find =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["find"] =>
  ({ projectId, runId }) =>
    Effect.map(
      select(
        allSummaries.toValue,
        sql`${sql.literal(whole)}
          WHERE r.project_id = ${projectId} AND r.run_id = ${runId} AND ${sql.literal(isThere)}`,
      ),
      ([found]) => found,
    )

const ofKeys =
  (database: Database): SummaryRows.SummaryRows<SqlError>["ofKeys"] =>
  (keys) => {
    const { sql } = database
    return select(
      allSummaries.toValue,
      sql`SELECT ${sql.literal(allSummaries.columns)} FROM ${keyRows(database, keys)} v
        JOIN runs r ON r.run_pk = v.run_pk ${sql.literal(joinedStates)} WHERE ${sql.literal(isThere)}`,
    )
  }

/**
 * The first key from which on the runs were submitted at an instant or later, found by halving. Runs that servers submit at once may have
 * keys in another order than their times; each is on one side of an instant.
 */
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
      least: from === undefined ? Effect.succeed(0) : firstKey(database, from),
      before: to === undefined ? Effect.succeed(Number.MAX_SAFE_INTEGER) : firstKey(database, to),
    })

const asking =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["asking"] =>
  (projectId, limit) =>
    Effect.map(
      sql<PendingQueries.KeyRow>`SELECT run_pk FROM waits WHERE project_id = ${projectId} AND answers_due IS NOT NULL
        ORDER BY answers_due, run_pk LIMIT ${limit}`,
      PendingQueries.keysOf,
    )

/** @category constructors */
export const make = (database: Database): SummaryRows.SummaryRows<SqlError> => ({
  ...ClaimRecords.make(database),

  find: find(database),

  ofKeys: ofKeys(database),

  list: (projectId, start, range) => {
    const source = sourceOf(projectId, start)
    const [only, further] = source.states
    // A summary of several tables has columns of all of them.
    const isOne = only !== undefined && further === undefined
    const { columns, toValue } = isOne ? summariesIn[only] : allSummaries
    const from = isOne ? source : { ...source, states }
    return select(toValue, inRange(database, projectId, from, range, columns, true))
  },

  keys: (projectId, start, range) =>
    select(([key]) => Number(key), keysInRange(database, projectId, sourceOf(projectId, start), range)),

  candidates: (projectId, start, range, needs) => {
    const source = sourceOf(projectId, start)
    const columns = candidateOf(source.states, needs)
    return Effect.map(
      execute(inRange<CandidateRow>(database, projectId, source, range, columns, needs.states)),
      (rows) => rows.map(toCandidate),
    )
  },

  bounds: bounds(database),

  asking: asking(database),

  ...PendingQueries.make(database),
})
