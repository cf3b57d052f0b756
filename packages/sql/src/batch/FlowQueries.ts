/**
 * How far the ranks of fairness keys go in each set.
 *
 * A transaction reads them without a lock, and moves them on at its end. So commits of one key do not wait for each other while they
 * decide; where two have read the same, the key is moved on by both.
 *
 * Source: docs/decisions/0105-fairness.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import type { FairRules, FlowRows } from "@runlease/store"
import { Array, Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { Gate } from "../rows/RunFields.js"

/** The largest number of sets in one statement: each is a separate SELECT. */
const setsPerStatement = 50

interface RanksRow {
  readonly position: number
  readonly waiting: number | null
  readonly of_route: number | null
  readonly last: number | null
  readonly least: number | null
}

interface FinishRow {
  readonly position: number
  readonly fairness_key: string
  readonly finish: number
}

const is = ({ sql }: Database, column: string, value: string | null): Fragment =>
  value === null ? sql.literal(`${column} IS NULL`) : sql`${sql.literal(column)} = ${value}`

/**
 * The lowest rank of a set, one look at an index of claims; without an agent, that of all agents of a route with this version. PostgreSQL uses
 * its order only where all its columns are named.
 */
const lowest = (
  database: Database,
  set: FairRules.RankedSet,
  ofAnyAgent?: { readonly version: string | null },
): Fragment => {
  const { sql } = database
  const { priority, projectId } = set
  const of =
    set._tag === "Limit"
      ? sql`q.gate = ${sql.literal(String(Gate.limited))} AND q.limit_name = ${set.limit}`
      : sql`q.gate = 0 ${ofAnyAgent !== undefined ? sql.literal("") : sql`AND q.agent_id = ${set.route.agentId}`}
          AND ${is(database, "q.implementation_kind", set.route.implementationKind)}
          AND ${is(database, "q.worker_key", set.route.workerKey)} 
          AND ${is(database, "q.version", (ofAnyAgent ?? set.route).version)}`
  const order = set._tag === "Limit" ? "" : "q.implementation_kind, q.worker_key, q.version, "
  return sql`(SELECT q.rank FROM queue q WHERE ${of} AND q.project_id = ${projectId} AND q.priority = ${priority}
    AND q.rank > 0 ORDER BY ${sql.literal(order)}q.priority DESC, q.rank LIMIT 1)`
}

/** The lowest rank of all agents of a route. A route of one version begins no lower than what goes to any version. */
const ofRoute = (database: Database, set: FairRules.RankedSet): Fragment => {
  const { sql } = database
  if (set._tag === "Limit") return sql`NULL`
  const any = lowest(database, set, { version: null })
  if (set.route.version === null) return any
  const own = lowest(database, set, set.route)
  return sql`(SELECT MAX(r.rank) FROM (SELECT ${any} AS rank UNION ALL SELECT ${own}) r)`
}

const finishOf = ({ sql }: Database, { name, priority, projectId }: FairRules.RankedSet, order: string) =>
  sql`(SELECT f.finish FROM flows f WHERE f.project_id = ${projectId} AND f.ranked_set = ${name}
    AND f.priority = ${priority} ORDER BY f.finish ${sql.literal(order)} LIMIT 1)`

const setColumns = { project_id: "text", ranked_set: "text", priority: "integer" } as const

const setRow = ({ name, priority, projectId }: FairRules.RankedSet) => ({
  project_id: projectId,
  ranked_set: name,
  priority,
})

/** The condition that `f` is the flow of a row `v`. */
const isFlow = "f.project_id = v.project_id AND f.ranked_set = v.ranked_set AND f.priority = v.priority"

const readRanks = (
  database: Database,
  wanted: ReadonlyArray<FlowRows.WantedRanks>,
): Effect.Effect<ReadonlyArray<RanksRow>, SqlError> => {
  const { sql } = database
  const parts = wanted.map(
    ({ set }, position) => sql`SELECT ${sql.literal(String(position))} AS position,
      ${lowest(database, set)} AS waiting, ${ofRoute(database, set)} AS of_route,
      ${finishOf(database, set, "DESC")} AS last, ${finishOf(database, set, "ASC")} AS least`,
  )
  return Effect.map(
    Effect.forEach(Array.chunksOf(parts, setsPerStatement), (some) =>
      execute(sql<RanksRow>`${sql.join(" UNION ALL ", false)(some)}`),
    ),
    (found) => found.flat(),
  )
}

const readFinishes = (
  { dialect, sql }: Database,
  wanted: ReadonlyArray<FlowRows.WantedRanks>,
): Effect.Effect<ReadonlyArray<FinishRow>, SqlError> => {
  const rows = dialect.rows(
    { ...setColumns, fairness_key: "text", position: "integer" },
    wanted.flatMap(({ keys, set }, position) =>
      keys.map((key) => ({ ...setRow(set), fairness_key: key, position })),
    ),
  )
  return execute(sql<FinishRow>`SELECT v.position, f.fairness_key, f.finish FROM ${rows} v
    JOIN flows f ON ${sql.literal(isFlow)} AND f.fairness_key = v.fairness_key`)
}

const read = (
  database: Database,
  wanted: ReadonlyArray<FlowRows.WantedRanks>,
): Effect.Effect<ReadonlyArray<FairRules.SetRanks>, SqlError> =>
  Effect.suspend(() => {
    let ranks: ReadonlyArray<RanksRow> = []
    const finishes = wanted.map(() => new Map<string, number>())
    const reads = [
      Effect.map(readRanks(database, wanted), (found) => void (ranks = found)),
      Effect.map(readFinishes(database, wanted), (found) => {
        for (const { fairness_key, finish, position } of found) finishes[position]!.set(fairness_key, finish)
      }),
    ]
    return Effect.map(database.dialect.together(reads), () => {
      const byPosition = new Map(ranks.map((row) => [Number(row.position), row]))
      return wanted.map((_, position) => {
        const { of_route: ofRoute, last, least, waiting } = byPosition.get(position)!
        return { waiting, ofRoute, last, least, finishes: finishes[position]! }
      })
    })
  })

const move = (
  { dialect, sql }: Database,
  changes: ReadonlyArray<FlowRows.FlowChange>,
  now: number,
): Effect.Effect<void, SqlError> => {
  const rows = dialect.rows(
    { ...setColumns, fairness_key: "text", began: "integer", moved: "integer" },
    changes.map(({ by, from, key, set }) => ({ ...setRow(set), fairness_key: key, began: from, moved: by })),
  )
  // One that is new in two transactions is inserted by the first of them.
  return dialect.write([
    sql<object>`UPDATE flows SET updated_at = ${now},
      finish = v.moved + CASE WHEN flows.finish > v.began THEN flows.finish ELSE v.began END
      FROM ${rows} v WHERE flows.project_id = v.project_id AND flows.ranked_set = v.ranked_set
        AND flows.priority = v.priority AND flows.fairness_key = v.fairness_key`,
    sql<object>`INSERT INTO flows (project_id, ranked_set, priority, fairness_key, finish, updated_at)
      SELECT v.project_id, v.ranked_set, v.priority, v.fairness_key, v.began + v.moved, CAST(${now} AS BIGINT)
      FROM ${rows} v WHERE TRUE ON CONFLICT (project_id, ranked_set, priority, fairness_key) DO NOTHING`,
  ])
}

const names = "project_id, ranked_set, priority, fairness_key"

const forget = (
  { dialect, sql }: Database,
  sets: ReadonlyArray<FlowRows.Forgotten>,
  most: number,
): Effect.Effect<void, SqlError> => {
  const rows = dialect.rows(
    { ...setColumns, up_to: "integer" },
    sets.map(({ set, upTo }) => ({ ...setRow(set), up_to: upTo })),
  )
  const found = names
    .split(", ")
    .map((name) => `f.${name}`)
    .join(", ")
  return Effect.asVoid(
    execute(sql<object>`DELETE FROM flows WHERE (${sql.literal(names)}) IN (
      SELECT ${sql.literal(found)} FROM ${rows} v JOIN flows f ON ${sql.literal(isFlow)} AND f.finish <= v.up_to
      LIMIT ${most} ${dialect.lockFree("f")}
    )`),
  )
}

export const make = (database: Database): FlowRows.FlowRows<SqlError> => ({
  read: (wanted) => read(database, wanted),
  move: (changes) => Effect.flatMap(database.dialect.now, (now) => move(database, changes, now)),
  forget: (sets, most) => forget(database, sets, most),
})

/** Deletes keys of a project whose last run entered its set by `before`, at most `most`. Returns whether there may be others. */
export const prune = (
  { dialect, sql }: Database,
  projectId: Ids.ProjectId,
  before: number,
  most: number,
): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    sql<object>`DELETE FROM flows WHERE (${sql.literal(names)}) IN (
      SELECT ${sql.literal(names)} FROM flows WHERE project_id = ${projectId} AND updated_at <= ${before}
      LIMIT ${most} ${dialect.lockFree("flows")}
    ) RETURNING fairness_key`,
    (deleted) => deleted.length === most,
  )
