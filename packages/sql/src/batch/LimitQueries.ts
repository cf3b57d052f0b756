/**
 * Limits of concurrency: their counts, and the runs that are next at one.
 *
 * A transaction locks a limit before it changes its counts, and until it ends. It locks the runs behind one without waiting, as
 * `RunLocks` has it, so no two transactions wait for each other.
 *
 * Source: docs/decisions/0102-limits.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { LimitKey, LimitPlaces, type LimitRows, LimitRules, RunRows } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { columns, ScopeNumber, toUsage, type UsageRow } from "../rows/LimitUsageRow.js"
import { toJson } from "../rows/Fields.js"
import { Gate, placeColumns } from "../rows/RunFields.js"
import * as NamedLimitQueries from "./NamedLimitQueries.js"
import { type KeyRow, keysOf } from "./PendingQueries.js"
import * as RunQueries from "./RunQueries.js"

type Limit = LimitRules.LimitRef

type PlaceColumn = (typeof placeColumns)[number]

const inOrder = <A extends Limit>(limits: ReadonlyArray<A>): ReadonlyArray<A> =>
  limits.toSorted((a, b) => (`${a.projectId}/${a.limit}` < `${b.projectId}/${b.limit}` ? -1 : 1))

const set = (
  { dialect, sql }: Database,
  { limit, maxPending, maxRunning, paused, projectId, rate }: LimitRows.LimitSetting,
) => {
  const scope = LimitKey.scopeOf(limit)
  const scopeNumber = scope === undefined ? 0 : ScopeNumber[scope]
  const governs = paused === true || (maxRunning ?? null) !== null ? scopeNumber : 0
  const running = maxRunning === undefined ? "limits.max_running" : "excluded.max_running"
  const pausing = paused === undefined ? "limits.paused" : "excluded.paused"
  const rating = rate === undefined ? "limits.rate" : "excluded.rate"
  const pending = maxPending === undefined ? "limits.max_pending" : "excluded.max_pending"
  const governsThen = `CASE WHEN ${running} IS NULL AND ${pausing} = 0 THEN 0 ELSE ${scopeNumber} END`
  return dialect.holding(
    execute(sql`INSERT INTO limits (project_id, limit_name, max_running, rate, max_pending, paused, governs, running, open, stale, behind, parked)
      VALUES (${projectId}, ${limit}, ${maxRunning ?? null}, ${toJson(rate)}, ${maxPending ?? null}, ${Number(paused === true)}, ${governs},
        0, 0, 0, 0, 0)
      ON CONFLICT (project_id, limit_name) DO UPDATE SET max_running = ${sql.literal(running)}, rate = ${sql.literal(rating)},
        max_pending = ${sql.literal(pending)}, paused = ${sql.literal(pausing)}, governs = ${sql.literal(governsThen)}`),
  )
}

/** Most commits of a project with a limit change that one, so they lock it after the others. */
const lockOrder = "substr(limits.limit_name, 1, 8) = 'project:', limits.limit_pk"

const lock = (database: Database, limits: ReadonlyArray<Limit>) => {
  const { dialect, sql } = database
  const rows = dialect.rows(
    { project_id: "text", limit_name: "text" },
    limits.map(({ limit, projectId }) => ({ project_id: projectId, limit_name: limit })),
  )
  return dialect.holding(
    execute(sql<UsageRow>`SELECT ${sql.literal(columns)} FROM ${rows} v JOIN limits
      ON limits.project_id = v.project_id AND limits.limit_name = v.limit_name ${dialect.lock("limits", lockOrder)}`),
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
      fresh: "integer",
      fresh_open: "integer",
      tat: "integer",
      checks: "integer",
      check_at: "integer",
    },
    changes.map(({ checkAt, freshOpen, limit, projectId, tat, ...counts }) => ({
      project_id: projectId,
      limit_name: limit,
      ...counts,
      fresh_open: freshOpen,
      tat: tat ?? null,
      checks: Number(checkAt !== undefined),
      check_at: checkAt ?? null,
    })),
  )
  const update =
    execute(sql<UsageRow>`UPDATE limits SET running = limits.running + v.running, open = limits.open + v.open,
      stale = limits.stale + v.stale, behind = limits.behind + v.behind, parked = limits.parked + v.parked,
      fresh = limits.fresh + v.fresh, fresh_open = limits.fresh_open + v.fresh_open, tat = COALESCE(v.tat, limits.tat),
      check_at = CASE WHEN v.checks = 1 THEN v.check_at ELSE limits.check_at END
    FROM ${rows} v WHERE limits.project_id = v.project_id AND limits.limit_name = v.limit_name
    RETURNING ${sql.literal(columns)}`)
  // An UPDATE of several rows locks them in no order.
  const locked = dialect.locks && changes.length > 1 ? lock(database, changes) : Effect.void
  return Effect.map(Effect.zipRight(locked, dialect.holding(update)), (found) => found.map(toUsage))
}

/** The conditions that no worker has had run `q`, and that one has. */
const isFresh = "AND q.lease_epoch = 0"
const hadWorker = "AND q.lease_epoch > 0"

/** The condition that a row of `queue` has a place at a limit, or has lost it, in one of the columns of places. */
const isAt = (
  { sql }: Database,
  row: string,
  { name }: PlaceColumn,
  { limit, projectId }: Limit,
): Fragment => {
  const place = sql.literal(`${row}.${name}`)
  return sql`${place} IS NOT NULL AND ${sql.literal(row)}.project_id = ${projectId} AND ${place} = ${limit}`
}

/** The condition that run `q` has a place at a limit. */
const isPlaced = (database: Database, column: PlaceColumn, limit: Limit): Fragment => {
  const { sql } = database
  return sql`${isAt(database, "q", column, limit)} AND q.${sql.literal(column.at)} IS NOT NULL`
}

/** The condition that no run with the route of `q` has lost its place. */
const isLive = (database: Database, limit: Limit): Fragment => {
  const { sql } = database
  return sql.and(
    placeColumns.map(
      (column) => sql`NOT EXISTS (
  SELECT 1 FROM queue s WHERE ${isAt(database, "s", column, limit)}
    AND s.${sql.literal(column.at)} IS NULL AND s.agent_id = q.agent_id
    AND COALESCE(s.implementation_kind, '') = COALESCE(q.implementation_kind, '')
    AND COALESCE(s.worker_key, '') = COALESCE(q.worker_key, '')
    AND s.version IS NOT DISTINCT FROM q.version)`,
    ),
  )
}

const next = (
  database: Database,
  usage: LimitRules.LimitUsage,
  { fresh, most }: { readonly most: number; readonly fresh: number },
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { sql } = database
  const { limit, projectId, stale } = usage
  const keys = (condition: string, count: number) =>
    count <= 0
      ? Effect.succeed([])
      : execute(sql<KeyRow>`SELECT q.run_pk FROM queue q WHERE q.gate = ${sql.literal(String(Gate.limited))}
    AND q.project_id = ${projectId} AND q.limit_name = ${limit} ${sql.literal(condition)}
    ${stale === 0 ? sql.literal("") : sql`AND ${isLive(database, usage)}`}
    ORDER BY q.priority DESC, q.rank, q.run_pk LIMIT ${count}`)
  const found =
    fresh >= most
      ? keys("", most)
      : Effect.zipWith(keys(hadWorker, most), keys(isFresh, fresh), (again, first) => [...again, ...first])
  return Effect.flatMap(found, (rows) =>
    rows.length === 0
      ? Effect.succeed([])
      : Effect.map(RunQueries.findByKey(database, keysOf(rows)), (runs) =>
          runs.toSorted(RunRows.byPreference).slice(0, most),
        ),
  )
}

/**
 * The runs that have a place at a limit, by each of the columns that may have it. A claim locks the rows of `queue` alone, so these are
 * locked too, without waiting.
 */
const placed = (
  database: Database,
  limit: Limit,
  { first, fresh, most }: LimitRows.MostPlaced,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { dialect, sql } = database
  const keys = Effect.forEach(placeColumns, (column) => {
    const order = sql.literal(first === "last" ? "q.priority, q.rank DESC, q.run_pk DESC" : `q.${column.at}`)
    return execute(sql<KeyRow>`SELECT q.run_pk FROM queue q WHERE ${isPlaced(database, column, limit)} ${sql.literal(fresh ? isFresh : "")}
      ORDER BY ${order} LIMIT ${most} ${dialect.lockFree("q")}`)
  })
  return Effect.flatMap(dialect.holding(keys), (rows) =>
    rows.every((some) => some.length === 0)
      ? Effect.succeed([])
      : Effect.map(RunQueries.findFree(database, keysOf(rows.flat())), (runs) =>
          runs
            .filter(({ state }) => LimitRules.countOf(state, limit.limit) === "open")
            .sort((a, b) =>
              first === "last" ? RunRows.byPreference(b, a) : sinceAt(a, limit) - sinceAt(b, limit),
            )
            .slice(0, most),
        ),
  )
}

/** It reads the open runs of the limit, which are as many as it lets in at most. */
const lowestOpen = (database: Database, limit: Limit): Effect.Effect<number | null, SqlError> => {
  const { sql } = database
  const lowest = placeColumns.map(
    (column) =>
      sql`SELECT MIN(q.priority) AS priority FROM queue q WHERE ${isPlaced(database, column, limit)}`,
  )
  const each = lowest.reduce((all, next) => sql`${all} UNION ALL ${next}`)
  return Effect.map(
    execute(
      sql<{ readonly priority: number | null }>`SELECT MIN(priority) AS priority FROM (${each}) lowest`,
    ),
    (rows) => rows[0]!.priority,
  )
}

const ofAgent = (
  database: Database,
  { after, agentId, projectId }: Parameters<LimitRows.LimitRows<SqlError>["ofAgent"]>[0],
  most: number,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { sql } = database
  const keys = execute(sql<KeyRow>`SELECT run_pk FROM (
      SELECT * FROM (SELECT q.run_pk FROM queue q WHERE q.project_id = ${projectId} AND q.agent_id = ${agentId}
        AND q.run_pk > ${after} ORDER BY q.run_pk LIMIT ${most}) queued
      UNION ALL
      SELECT * FROM (SELECT l.run_pk FROM leases l JOIN runs r ON r.run_pk = l.run_pk WHERE l.project_id = ${projectId}
        AND l.lease_owner IS NOT NULL AND r.agent_id = ${agentId} AND l.run_pk > ${after} ORDER BY l.run_pk LIMIT ${most}) leased
      UNION ALL
      SELECT * FROM (SELECT w.run_pk FROM waits w JOIN runs r ON r.run_pk = w.run_pk WHERE w.project_id = ${projectId}
        AND r.agent_id = ${agentId} AND w.run_pk > ${after} ORDER BY w.run_pk LIMIT ${most}) waiting
    ) found ORDER BY run_pk LIMIT ${most}`)
  return Effect.flatMap(keys, (rows) =>
    rows.length === 0
      ? Effect.succeed([])
      : Effect.map(RunQueries.findByKey(database, keysOf(rows)), (runs) =>
          runs.toSorted((a, b) => a.key - b.key),
        ),
  )
}

const sinceAt = ({ state: { limits } }: RunRows.StoredRun, { limit }: Limit): number =>
  LimitPlaces.at(limits, limit)?.since ?? 0

/** The largest number of limits that one commit looks at. */
const mostDue = 200

export const make = (database: Database): LimitRows.LimitRows<SqlError> => {
  const { dialect, sql } = database
  return {
    set: (settings) =>
      Effect.forEach(inOrder(settings), (setting) => set(database, setting), { discard: true }),
    ...NamedLimitQueries.make(database),
    lock: (limits) => Effect.map(lock(database, limits), (found) => found.map(toUsage)),
    change: (changes) => change(database, changes),
    next: (usage, bounds) => next(database, usage, bounds),
    placed: (limit, bounds) => placed(database, limit, bounds),
    lowestOpen: (limit) => lowestOpen(database, limit),
    ofAgent: (agent, most) => ofAgent(database, agent, most),
    due: Effect.flatMap(dialect.now, (now) =>
      Effect.map(
        execute(sql<UsageRow>`SELECT ${sql.literal(columns)} FROM limits WHERE check_at <= ${now}
          ORDER BY check_at LIMIT ${mostDue}`),
        (found) => found.map(toUsage),
      ),
    ),
  }
}
