/**
 * Limits of concurrency: their counts, and the runs that are next at one.
 *
 * A transaction locks a limit before it changes its counts, and until it ends. It locks the runs behind one without waiting, as
 * `RunLocks` has it, so no two transactions wait for each other.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import { type LimitRows, LimitRules, RunRows } from "@runlease/core/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { Gate } from "../rows/RunFields.js"
import * as RunQueries from "./RunQueries.js"

type Limit = LimitRules.LimitRef

interface UsageRow {
  readonly limit_pk: number
  readonly project_id: Ids.ProjectId
  readonly limit_name: string
  readonly max_running: number | null
  readonly paused: number
  readonly running: number
  readonly open: number
  readonly stale: number
  readonly behind: number
  readonly parked: number
  readonly check_at: number | null
}

const names =
  "limit_pk, project_id, limit_name, max_running, paused, running, open, stale, behind, parked, check_at"
const columns = names
  .split(", ")
  .map((name) => `limits.${name} AS ${name}`)
  .join(", ")

const toUsage = (row: UsageRow): LimitRules.LimitUsage => ({
  key: row.limit_pk,
  projectId: row.project_id,
  limit: row.limit_name,
  maxRunning: row.max_running,
  paused: row.paused === 1,
  running: row.running,
  open: row.open,
  stale: row.stale,
  behind: row.behind,
  parked: row.parked,
  checkAt: row.check_at,
})

interface KeyRow {
  readonly run_pk: number
}

const keysOf = (rows: ReadonlyArray<KeyRow>): ReadonlyArray<number> => rows.map(({ run_pk }) => run_pk)

const inOrder = <A extends Limit>(limits: ReadonlyArray<A>): ReadonlyArray<A> =>
  limits.toSorted((a, b) => (`${a.projectId}/${a.limit}` < `${b.projectId}/${b.limit}` ? -1 : 1))

const set = (
  { dialect, sql }: Database,
  { limit, maxRunning, paused, projectId }: LimitRows.LimitSetting,
) => {
  const isPaused = paused === undefined ? null : Number(paused)
  return dialect.holding(
    execute(sql`INSERT INTO limits (project_id, limit_name, max_running, paused, running, open, stale, behind, parked)
      VALUES (${projectId}, ${limit}, ${maxRunning ?? null}, ${isPaused ?? 0}, 0, 0, 0, 0, 0)
      ON CONFLICT (project_id, limit_name) DO UPDATE SET
        max_running = ${maxRunning === undefined ? sql.literal("limits.max_running") : sql.literal("excluded.max_running")},
        paused = ${isPaused === null ? sql.literal("limits.paused") : sql.literal("excluded.paused")}`),
  )
}

const lock = (database: Database, limits: ReadonlyArray<Limit>) => {
  const { dialect, sql } = database
  const rows = dialect.rows(
    { project_id: "text", limit_name: "text" },
    limits.map(({ limit, projectId }) => ({ project_id: projectId, limit_name: limit })),
  )
  return dialect.holding(
    execute(sql<UsageRow>`SELECT ${sql.literal(columns)} FROM ${rows} v JOIN limits
      ON limits.project_id = v.project_id AND limits.limit_name = v.limit_name ${dialect.lock("limits", "limits.limit_pk")}`),
  )
}

const change = (
  database: Database,
  changes: ReadonlyArray<LimitRows.LimitChange>,
): Effect.Effect<ReadonlyArray<LimitRules.LimitUsage>, SqlError> => {
  const { dialect, sql } = database
  const rows = dialect.rows(
    {
      project_id: "text",
      limit_name: "text",
      running: "integer",
      open: "integer",
      stale: "integer",
      behind: "integer",
      parked: "integer",
      checks: "integer",
      check_at: "integer",
    },
    changes.map(({ behind, checkAt, limit, open, parked, projectId, running, stale }) => ({
      project_id: projectId,
      limit_name: limit,
      running,
      open,
      stale,
      behind,
      parked,
      checks: Number(checkAt !== undefined),
      check_at: checkAt ?? null,
    })),
  )
  const update =
    execute(sql<UsageRow>`UPDATE limits SET running = limits.running + v.running, open = limits.open + v.open,
      stale = limits.stale + v.stale, behind = limits.behind + v.behind, parked = limits.parked + v.parked,
      check_at = CASE WHEN v.checks = 1 THEN v.check_at ELSE limits.check_at END
    FROM ${rows} v WHERE limits.project_id = v.project_id AND limits.limit_name = v.limit_name
    RETURNING ${sql.literal(columns)}`)
  // An UPDATE of several rows locks them in no order.
  const locked = dialect.locks && changes.length > 1 ? lock(database, changes) : Effect.void
  return Effect.map(Effect.zipRight(locked, dialect.holding(update)), (found) => found.map(toUsage))
}

/** The condition that no open run with the route of `q` has lost its place. */
const isLive = ({ sql }: Database, { limit, projectId }: Limit): Fragment => sql`NOT EXISTS (
  SELECT 1 FROM queue s WHERE s.gate = 0 AND s.limit_name IS NOT NULL AND s.project_id = ${projectId} AND s.limit_name = ${limit}
    AND s.placed_at IS NULL AND s.agent_id = q.agent_id
    AND COALESCE(s.implementation_kind, '') = COALESCE(q.implementation_kind, '')
    AND COALESCE(s.worker_key, '') = COALESCE(q.worker_key, ''))`

const next = (
  database: Database,
  usage: LimitRules.LimitUsage,
  most: number,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { sql } = database
  const { limit, projectId, stale } = usage
  const keys =
    execute(sql<KeyRow>`SELECT q.run_pk FROM queue q WHERE q.gate = ${sql.literal(String(Gate.limited))}
    AND q.project_id = ${projectId} AND q.limit_name = ${limit}
    ${stale === 0 ? sql.literal("") : sql`AND ${isLive(database, usage)}`}
    ORDER BY q.priority DESC, q.run_pk LIMIT ${most}`)
  return Effect.flatMap(keys, (rows) =>
    rows.length === 0
      ? Effect.succeed([])
      : Effect.map(RunQueries.findByKey(database, keysOf(rows)), (runs) =>
          runs.toSorted(RunRows.byPreference),
        ),
  )
}

/** The open runs of a limit that have a place. A claim locks the rows of `queue` alone, so these are locked too, without waiting. */
const open = (
  database: Database,
  { limit, projectId }: Limit,
  order: string,
  most: number,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { dialect, sql } = database
  const keys = execute(sql<KeyRow>`SELECT q.run_pk FROM queue q WHERE q.gate = 0 AND q.limit_name IS NOT NULL
    AND q.project_id = ${projectId} AND q.limit_name = ${limit} AND q.placed_at IS NOT NULL
    ORDER BY ${sql.literal(order)} LIMIT ${most} ${dialect.lockFree("q")}`)
  return Effect.flatMap(dialect.holding(keys), (rows) =>
    rows.length === 0
      ? Effect.succeed([])
      : Effect.map(RunQueries.findFree(database, keysOf(rows)), (runs) =>
          runs.filter(({ state }) => LimitRules.countOf(state) === "open"),
        ),
  )
}

/** The largest number of limits that one commit looks at. */
const mostDue = 200

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): LimitRows.LimitRows<SqlError> => {
  const { dialect, sql } = database
  return {
    set: (settings) =>
      Effect.forEach(inOrder(settings), (setting) => set(database, setting), { discard: true }),
    lock: (limits) => Effect.map(lock(database, limits), (found) => found.map(toUsage)),
    change: (changes) => change(database, changes),
    next: (usage, most) => next(database, usage, most),
    placed: (limit, most) =>
      Effect.map(open(database, limit, "q.placed_at", most), (runs) =>
        runs.toSorted((a, b) => a.state.placedAt! - b.state.placedAt!),
      ),
    lastOpen: (limit, most) => open(database, limit, "q.priority, q.run_pk DESC", most),
    due: Effect.flatMap(dialect.now, (now) =>
      Effect.map(
        execute(sql<UsageRow>`SELECT ${sql.literal(columns)} FROM limits WHERE check_at <= ${now}
          ORDER BY check_at LIMIT ${mostDue}`),
        (found) => found.map(toUsage),
      ),
    ),
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const reads = ({ sql }: Database): LimitRows.LimitReads<SqlError> => ({
  list: (projectId, { before, limit }) =>
    Effect.map(
      sql<UsageRow>`SELECT ${sql.literal(columns)} FROM limits WHERE project_id = ${projectId} AND limit_pk < ${before}
        AND paused + running + open + stale + behind + parked > 0 ORDER BY limit_pk DESC LIMIT ${limit}`,
      (found) => found.map(toUsage),
    ),
  find: ({ limit, projectId }) =>
    Effect.map(
      sql<UsageRow>`SELECT ${sql.literal(columns)} FROM limits WHERE project_id = ${projectId} AND limit_name = ${limit}`,
      ([row]) => row && toUsage(row),
    ),
  before: ({ key, state: { spec } }, most) => {
    const of = (condition: Fragment) => sql`SELECT * FROM (
      SELECT 1 AS one FROM queue WHERE gate = ${sql.literal(String(Gate.limited))} AND project_id = ${spec.projectId}
        AND limit_name = ${spec.limit} AND ${condition} LIMIT ${most}) part`
    return Effect.map(
      sql<{ readonly before: number }>`SELECT CAST(COUNT(*) AS INTEGER) AS before FROM (
        ${of(sql`priority > ${spec.priority}`)} UNION ALL ${of(sql`priority = ${spec.priority} AND run_pk < ${key}`)}
      ) preferred`,
      ([row]) => Math.min(row?.before ?? 0, most),
    )
  },
})

/** Deletes limits of a project that have no runs and are not paused, at most `most`. Returns whether there may be others. */
export const prune = (
  { dialect, sql }: Database,
  projectId: Ids.ProjectId,
  most: number,
): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    sql<object>`DELETE FROM limits WHERE limit_pk IN (
      SELECT limit_pk FROM limits WHERE project_id = ${projectId}
        AND paused + running + open + stale + behind + parked = 0 LIMIT ${most} ${dialect.lockFree("limits")}
    ) RETURNING limit_pk`,
    (deleted) => deleted.length === most,
  )
