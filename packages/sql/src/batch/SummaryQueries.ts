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
import type { Statement } from "@effect/sql/Statement"
import { type Ids, Labels, type Run } from "@runlease/core"
import type { SummaryRows } from "@runlease/core/store"
import { Effect, Struct } from "effect"
import type { Database, KeyRange } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { columnsIn, fromJson, reader } from "../rows/Fields.js"
import { detailFields, states, type StateTable, titleFields } from "../rows/RunFields.js"
import { aliases, joinedStates, listed, runsIn, type Selection, stateColumn } from "../rows/RunRow.js"
import { byTable, tableOf } from "../rows/StateRows.js"
import * as ClaimRecords from "./ClaimRecords.js"
import * as LabelRows from "./LabelRows.js"
import * as PendingQueries from "./PendingQueries.js"
import { keyRows } from "./RunQueries.js"

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

const candidateOf = (tables: ReadonlyArray<StateTable>): string =>
  [
    listed("r", candidateNames),
    ...(tables.length === 0
      ? []
      : [
          `${stateColumn("status", tables)} AS status`,
          `${stateColumn("attempt", tables)} AS attempt`,
          `${stateColumn("error", tables)} AS error`,
        ]),
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
}

const toCandidate = ({ attempt, error = null, status, ...row }: CandidateRow): SummaryRows.Candidate => ({
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
      : { status, attempt, error: fromJson<Run.RunError>(error) },
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
 * Where a list begins: rows `b` of a table, in the order of their keys, and the tables in which the states of its runs are. `at`: they have
 * one value in a column, by this index.
 */
interface Source {
  readonly table: StateTable | "runs" | "run_labels"
  readonly at: Pick<KeyRange, "index" | "column" | "value"> | undefined
  /** The label that its rows have. */
  readonly label?: Labels.Label
  readonly filters: ReadonlyArray<string>
  readonly states: ReadonlyArray<StateTable>
}

/** The id of a run that is being deleted begins with a control character. */
const isVisible = "substr(b.run_id, 1, 1) >= ' '"

const ofStatus = (status: Run.RunStatus): Source => {
  const table = tableOf({ status })
  const at = { index: "outcomes_by_status", column: "status", value: status }
  return { table, at: table === "outcomes" ? at : undefined, filters: [], states: [table] }
}

const sourceOf = (projectId: Ids.ProjectId, start: SummaryRows.Start): Source => {
  if ("status" in start) return ofStatus(start.status)
  if ("label" in start) {
    return { table: "run_labels", at: undefined, label: start.label, filters: [], states }
  }
  const ofRuns = (
    name: string,
    column: string,
    value: string,
    ...further: ReadonlyArray<string>
  ): Source => ({
    table: "runs",
    at: { index: `runs_by_${name}`, column, value },
    filters: [isVisible, ...further],
    states,
  })
  if ("parentRunId" in start) {
    // The index has only runs with a parent.
    return ofRuns("parent", "parent_run_id", start.parentRunId, "b.parent_run_id IS NOT NULL")
  }
  if ("conversationId" in start) return ofRuns("conversation", "conversation_id", start.conversationId)
  return "agentId" in start
    ? ofRuns("agent", "agent_id", start.agentId)
    : ofRuns("project", "project_id", projectId)
}

/** The most runs of a page and one more, of a part of a bulk operation, and of a search. PostgreSQL plans for a tenth of a table where a limit is a parameter. */
const limits = [101, 256, 1000] as const

/** Joins the tables of which one has the state of a run. */
const joinStates = (tables: ReadonlyArray<StateTable>): string =>
  tables
    .map((table) => {
      const alias = aliases[table]
      return `${tables.length === 1 ? "JOIN" : "LEFT JOIN"} ${table} ${alias} ON ${alias}.run_pk = r.run_pk`
    })
    .join(" ")

/** The keys of the runs of a source from one end of a range; or `columns` of them, and of the tables that are joined. */
const keysInRange = <A extends object>(
  { dialect, sql }: Database,
  projectId: Ids.ProjectId,
  { at, filters, label, table }: Source,
  { before, least, limit, oldestFirst = false }: SummaryRows.Range,
  columns = "page.run_pk",
  joined = "",
): Statement<A> => {
  const direction = oldestFirst ? "ASC" : "DESC"
  const keys =
    at === undefined
      ? {
          hint: "",
          condition: sql`b.run_pk >= ${least} AND b.run_pk < ${before}`,
          order: `b.run_pk ${direction}`,
        }
      : dialect.keyRange({ ...at, direction, least, before })
  const all = [
    keys.condition,
    // Beside its comparison with the key, it would keep PostgreSQL from beginning there.
    ...(at?.column === "project_id" ? [] : [sql`b.project_id = ${projectId}`]),
    ...(label === undefined ? [] : [sql`b.name = ${label[0]}`, sql`b.value = ${label[1]}`]),
    ...filters.map((filter) => sql.literal(filter)),
  ]
  const most = limits.find((each) => limit <= each) ?? limits[2]
  return sql<A>`SELECT ${sql.literal(columns)} FROM (
      SELECT b.run_pk FROM ${sql.literal(`${table} b ${keys.hint}`)} WHERE ${sql.and(all)}
      ORDER BY ${sql.literal(`${keys.order} LIMIT ${most}`)}
    ) page ${sql.literal(joined)}
    ORDER BY ${sql.literal(`page.run_pk ${direction}`)} LIMIT ${limit}`
}

/** The runs of a source from one end of a range, with these columns of their tables. */
const inRange = <A extends object>(
  database: Database,
  projectId: Ids.ProjectId,
  source: Source,
  range: SummaryRows.Range,
  columns: string,
  withStates: boolean,
): Statement<A> => {
  const joined = `JOIN runs r ON r.run_pk = page.run_pk ${joinStates(withStates ? source.states : [])}`
  return keysInRange(database, projectId, source, range, columns, joined)
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

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): SummaryRows.SummaryRows<SqlError> => ({
  ...ClaimRecords.make(database),

  find: find(database),

  ofKeys: ofKeys(database),

  list: (projectId, start, range) => {
    const source = sourceOf(projectId, start)
    const [only, further] = source.states
    const { columns, toValue } =
      only === undefined || further !== undefined ? allSummaries : summariesIn[only]
    return select(toValue, inRange(database, projectId, source, range, columns, true))
  },

  keys: (projectId, start, range) =>
    select(([key]) => Number(key), keysInRange(database, projectId, sourceOf(projectId, start), range)),

  candidates: (projectId, start, range, withStates) => {
    const source = sourceOf(projectId, start)
    const columns = candidateOf(withStates ? source.states : [])
    return Effect.map(
      execute(inRange<CandidateRow>(database, projectId, source, range, columns, withStates)),
      (rows) => rows.map(toCandidate),
    )
  },

  labelled: (projectId, labels, limit) => LabelRows.count(database, projectId, labels, limit),

  bounds: bounds(database),

  asking: asking(database),

  ...PendingQueries.make(database),
})
