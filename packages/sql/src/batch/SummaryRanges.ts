/**
 * The runs of a page of a list: ranges of the index that its filter begins at.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import type { Fragment, Statement } from "@effect/sql/Statement"
import type { Ids, Labels, Run } from "@runlease/core"
import type { SummaryRows } from "@runlease/core/store"
import type { Database, KeyRange } from "../dialect/Dialect.js"
import { states, type StateTable, tableOf } from "../rows/RunFields.js"
import { aliases } from "../rows/RunRow.js"

/** Rows `b` of a table, in the order of their keys. `at`: they have one value in a column, by this index. */
interface Part {
  readonly table: StateTable | "runs" | "run_labels"
  readonly at: Pick<KeyRange, "index" | "column" | "value"> | undefined
  /** The label that its rows have. */
  readonly label?: Labels.Label
  readonly filters: ReadonlyArray<string>
}

/** Where a list begins: at the rows of one part or of several, which have no run in common, and the tables in which the states of its runs are. */
export interface Source {
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
export const sourceOf = (projectId: Ids.ProjectId, start: SummaryRows.Start): Source => {
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
export const keysInRange = <A extends object>(
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
export const inRange = <A extends object>(
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
