/**
 * Queries for what lists show of runs.
 *
 * Each reads rows by a key or by an index, or a bounded number of rows in the order of a key.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import { type Ids, Labels, type Run } from "@runlease/core"
import { SummaryRows } from "@runlease/store"
import { Effect, Struct } from "effect"
import type { Database, KeyRange } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import type { ToRow } from "../rows/Columns.js"
import { columnsIn, fromJson, reader } from "../rows/Fields.js"
import {
  claimFields,
  claimHolderFields,
  detailFields,
  states,
  type StateTable,
  tableOf,
  titleFields,
} from "../rows/RunFields.js"
import {
  aliases,
  claimColumns,
  joinedStates,
  listed,
  runsIn,
  type Selection,
  stateColumn,
} from "../rows/RunRow.js"
import * as PendingQueries from "./PendingQueries.js"
import { keyRows } from "./RunQueries.js"

/** Rows `b` of a table, in the order of their keys. `at`: they have one value in a column, by this index. */
interface Part {
  readonly table: StateTable | "runs" | "run_labels"
  readonly at: Pick<KeyRange, "index" | "column" | "value"> | undefined
  /** The label that its rows have. */
  readonly label?: Labels.Label
  readonly filters: ReadonlyArray<string>
}

/** Where a list begins: at the rows of one part or of several, which have no run in common, and the tables in which the states of its runs are. */
interface Source {
  readonly parts: ReadonlyArray<Part>
  readonly states: ReadonlyArray<StateTable>
}

/** The id of a run that is being deleted begins with a control character. */
const isVisible = "substr(b.run_id, 1, 1) >= ' '"

const ofStatus = (status: Run.RunStatus): Part => {
  const table = tableOf({ status })
  const at = { index: "outcomes_by_status", column: "status", value: status }
  return { table, at: table === "outcomes" ? at : undefined, filters: [] }
}

/** Where a list begins that begins at these runs. */
const sourceOf = (projectId: Ids.ProjectId, start: SummaryRows.Start): Source => {
  if ("statuses" in start) {
    const tables = Array.from(new Set(start.statuses.map((status) => tableOf({ status }))))
    return { parts: start.statuses.map(ofStatus), states: tables }
  }
  if ("label" in start) {
    return { parts: [{ table: "run_labels", at: undefined, label: start.label, filters: [] }], states }
  }
  const ofRuns = (name: string, column: string, value: string, ...further: ReadonlyArray<string>): Part => ({
    table: "runs",
    at: { index: `runs_by_${name}`, column, value },
    filters: [isVisible, ...further],
  })
  if ("parentRunId" in start) {
    // The index has only runs with a parent.
    const part = ofRuns("parent", "parent_run_id", start.parentRunId, "b.parent_run_id IS NOT NULL")
    return { parts: [part], states }
  }
  if ("conversationId" in start) {
    return { parts: [ofRuns("conversation", "conversation_id", start.conversationId)], states }
  }
  return "agentIds" in start
    ? { parts: start.agentIds.map((agentId) => ofRuns("agent", "agent_id", agentId)), states }
    : { parts: [ofRuns("project", "project_id", projectId)], states }
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

const directionOf = ({ oldestFirst = false }: SummaryRows.Range) => (oldestFirst ? "ASC" : "DESC")

/** The keys of a part from one end of a range. */
const partInRange = (
  { dialect, sql }: Database,
  projectId: Ids.ProjectId,
  { at, filters, label, table }: Part,
  range: SummaryRows.Range,
): Fragment => {
  const { before, least, limit } = range
  const direction = directionOf(range)
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
    // In addition to its comparison with the key, it would keep PostgreSQL from beginning there.
    ...(at?.column === "project_id" ? [] : [sql`b.project_id = ${projectId}`]),
    ...(label === undefined ? [] : [sql`b.name = ${label[0]}`, sql`b.value = ${label[1]}`]),
    ...filters.map((filter) => sql.literal(filter)),
  ]
  const most = limits.find((each) => limit <= each) ?? limits[2]
  return sql`SELECT b.run_pk FROM ${sql.literal(`${table} b ${keys.hint}`)} WHERE ${sql.and(all)}
      ORDER BY ${sql.literal(`${keys.order} LIMIT ${most}`)}`
}

/** The first keys of several parts: each part is read as far as the page may go into it. */
const merged = (sql: Database["sql"], parts: ReadonlyArray<Fragment>, range: SummaryRows.Range): Fragment => {
  const all = parts.map((part, index) => sql`SELECT run_pk FROM (${part}) ${sql.literal(`part_${index}`)}`)
  return sql`SELECT run_pk FROM (${sql.join(" UNION ALL ", false)(all)}) merged
      ORDER BY ${sql.literal(`run_pk ${directionOf(range)}`)} LIMIT ${range.limit}`
}

/** The keys of the runs of a source from one end of a range; or `columns` of them, and of the tables that are joined. */
const keysInRange = <A extends object>(
  database: Database,
  projectId: Ids.ProjectId,
  { parts }: Source,
  range: SummaryRows.Range,
  columns = "page.run_pk",
  joined = "",
): Statement<A> => {
  const { sql } = database
  const found = parts.map((part) => partInRange(database, projectId, part, range))
  const keys = found.length === 1 ? found[0]! : merged(sql, found, range)
  return sql<A>`SELECT ${sql.literal(columns)} FROM (
      ${keys}
    ) page ${sql.literal(joined)}
    ORDER BY ${sql.literal(`page.run_pk ${directionOf(range)}`)} LIMIT ${range.limit}`
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

const names = ["run_pk", ...Struct.keys(claimColumns)]

const columns = names.map((name) => `c.${name}`).join(", ")

const readClaim = reader(claimFields, names)

const readHolder = reader(claimHolderFields, names)

const toClaim: ToRow<SummaryRows.ClaimRow> = (values) => {
  const { leaseEpoch, ...claim } = readClaim(values)
  return { key: values[0] as number, epoch: leaseEpoch, ...claim, ...readHolder(values) }
}

type Reads = Pick<SummaryRows.SummaryRows<SqlError>, "claims" | "heldBy" | "leases" | "lost">

const makeClaimRecords = ({ dialect, sql }: Database): Reads => {
  /** The condition on a lease that has not lapsed. */
  const currentLease = Effect.map(
    dialect.instant,
    (now) => sql`lease_owner IS NOT NULL AND lease_expires_at > ${now}`,
  )

  const isLost = (projectId: Ids.ProjectId, since: number) =>
    sql`c.project_id = ${projectId} AND c.ended = 'lease_expired' AND c.ended_at >= ${since}`

  return {
    claims: (ranges) =>
      select(
        toClaim,
        sql`SELECT ${sql.literal(columns)} FROM ${dialect.rows(
          { run_pk: "integer", first_epoch: "integer", last_epoch: "integer" },
          ranges.map(({ first, key, last }) => ({ run_pk: key, first_epoch: first, last_epoch: last })),
        )} v JOIN claims c
          ON c.run_pk = v.run_pk AND c.lease_epoch >= v.first_epoch AND c.lease_epoch <= v.last_epoch`,
      ),

    heldBy: (projectId, workerId, limit) =>
      Effect.map(
        Effect.flatMap(
          currentLease,
          (isCurrent) => sql<{ readonly run_pk: number }>`SELECT run_pk FROM leases
            WHERE ${isCurrent} AND lease_owner = ${workerId} AND project_id = ${projectId}
            ORDER BY lease_expires_at, run_pk LIMIT ${limit}`,
        ),
        (rows) => rows.map(({ run_pk }) => run_pk),
      ),

    leases: (projectId) =>
      Effect.map(
        Effect.flatMap(
          currentLease,
          (isCurrent) => sql<{
            readonly worker_id: Ids.WorkerId
            readonly next_expiry: number
            readonly renewed_at: number
          }>`SELECT lease_owner AS worker_id, MIN(lease_expires_at) AS next_expiry, MAX(renewed_at) AS renewed_at
            FROM leases WHERE ${isCurrent} AND project_id = ${projectId} GROUP BY lease_owner`,
        ),
        (rows) =>
          rows.map((row) => ({
            workerId: row.worker_id,
            nextExpiry: row.next_expiry,
            renewedAt: row.renewed_at,
          })),
      ),

    lost: (projectId, since, limit) =>
      select(
        toClaim,
        sql`SELECT ${sql.literal(columns)} FROM claims c WHERE ${isLost(projectId, since)}
          ORDER BY c.ended_at DESC, c.run_pk DESC LIMIT ${limit}`,
      ),
  }
}

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

/** A run that is being deleted has status `pruned`. */
const isThere = "COALESCE(o.status, '') <> 'pruned'"

const find =
  (database: Database): SummaryRows.SummaryRows<SqlError>["find"] =>
  (runs) => {
    const { sql } = database
    const from =
      "runId" in runs
        ? sql`(SELECT run_pk FROM runs WHERE project_id = ${runs.projectId} AND run_id = ${runs.runId})`
        : keyRows(database, runs)
    return select(
      allSummaries.toValue,
      sql`SELECT ${sql.literal(allSummaries.columns)} FROM ${from} v
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

export const make = (database: Database): SummaryRows.SummaryRows<SqlError> => ({
  ...makeClaimRecords(database),

  find: find(database),

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

  ...PendingQueries.make(database),
})
