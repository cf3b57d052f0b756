/** Queries for what is before a pending run. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import * as Trial from "@runlease/core/Trial"
import { LimitRules, type RunRows, type SummaryRows } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { Gate } from "../rows/RunFields.js"
import { unfinishedTables } from "../rows/RunRow.js"

/** A row with the key of a run alone. */
export interface KeyRow {
  readonly run_pk: number
}

export const keysOf = (rows: ReadonlyArray<KeyRow>): ReadonlyArray<number> => rows.map(({ run_pk }) => run_pk)

/** A scalar subquery per row that waits, so that no plan reads the labels of all runs. */
const attention =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["attention"] =>
  (projectId, most) =>
    Effect.zipWith(
      sql<KeyRow>`SELECT run_pk FROM waits WHERE project_id = ${projectId} AND answers_due IS NOT NULL
        AND COALESCE((SELECT r.labels FROM runs r WHERE r.run_pk = waits.run_pk), '') NOT LIKE ${`%"${Trial.runLabel}":%`}
        ORDER BY answers_due, run_pk LIMIT ${most.asking}`,
      sql<KeyRow>`SELECT run_pk FROM (
          SELECT run_pk, project_id, gate FROM queue ORDER BY run_pk LIMIT ${most.oldest}
        ) oldest WHERE gate = 0 AND project_id = ${projectId} ORDER BY run_pk LIMIT 1`,
      (asking, [oldest]) => ({ asking: keysOf(asking), oldestRunnable: oldest?.run_pk }),
    )

/** A subquery with its own order and limit: SQLite takes these in no part of a union. */
const part = (sql: Database["sql"], select: Fragment) => sql`SELECT * FROM (${select}) part`

/** The older runs of the lane of a run. */
const beforeInLane = (
  { sql }: Database,
  { key, state: { spec } }: RunRows.StoredRun,
  limit: number,
): Effect.Effect<SummaryRows.RunsBefore, SqlError> => {
  const { lane, projectId } = spec
  if (lane === null) return Effect.succeed({ count: 0 })
  const inTables = unfinishedTables.map((table) =>
    part(
      sql,
      sql`SELECT t.run_pk FROM ${sql.literal(table)} t WHERE t.project_id = ${projectId} AND t.lane = ${lane}
        AND t.lane IS NOT NULL AND t.run_pk < ${key} ORDER BY t.run_pk LIMIT ${limit}`,
    ),
  )
  return Effect.map(
    sql<KeyRow>`SELECT run_pk FROM (${sql.join(" UNION ALL ", false)(inTables)}) ahead ORDER BY run_pk LIMIT ${limit}`,
    (rows) => ({ count: rows.length, first: rows[0]?.run_pk }),
  )
}

const before =
  (database: Database): SummaryRows.SummaryRows<SqlError>["before"] =>
  (run, limit) => {
    const { sql } = database
    const { key, state } = run
    if (state.gate === "behind") return beforeInLane(database, run, limit)
    const { rank, spec, version } = state
    const { implementationKind, priority, projectId, workerKey } = spec
    const is = (column: string, value: string | null) =>
      value === null ? sql`${sql(column)} IS NULL` : sql`${sql(column)} = ${value}`
    const behind = LimitRules.behindOf(state)
    const gate = sql.literal(String(behind === null ? Gate.runnable : Gate.limited))
    // Each part is a range of the index of claims, or of that of limits.
    const of = (condition: Fragment) =>
      part(
        sql,
        sql`SELECT 1 AS one FROM queue WHERE gate = ${gate} AND project_id = ${projectId}
          AND ${behind === null ? sql.and([is("implementation_kind", implementationKind), is("worker_key", workerKey), is("version", version)]) : is("limit_name", behind)}
          AND ${condition} LIMIT ${limit}`,
      )
    return Effect.map(
      sql<{ readonly before: number }>`SELECT CAST(COUNT(*) AS INTEGER) AS before FROM (
        ${of(sql`priority > ${priority}`)} UNION ALL ${of(sql`priority = ${priority} AND rank < ${rank}`)}
        UNION ALL ${of(sql`priority = ${priority} AND rank = ${rank} AND run_pk < ${key}`)}
      ) preferred`,
      ([row]) => ({ count: Math.min(row?.before ?? 0, limit) }),
    )
  }

/** The open runs of each version, of which an index has those that have one. */
const versions =
  ({ sql }: Database): SummaryRows.SummaryRows<SqlError>["versions"] =>
  (projectId) => {
    const inTables = unfinishedTables.map(
      (
        table,
      ) => sql`SELECT ${table} AS state, version, CAST(COUNT(*) AS INTEGER) AS runs, MIN(run_pk) AS run_pk
        FROM ${sql.literal(table)} WHERE project_id = ${projectId} AND version >= '' GROUP BY version`,
    )
    return Effect.map(
      sql<{
        readonly state: string
        readonly version: string
        readonly runs: number
        readonly oldest: number
      }>`SELECT v.state, v.version, v.runs, r.created_at AS oldest
        FROM (${sql.join(" UNION ALL ", false)(inTables)}) v JOIN runs r ON r.run_pk = v.run_pk`,
      (rows) =>
        Array.from(new Set(rows.map(({ version }) => version)), (version) => {
          const own = rows.filter((row) => row.version === version)
          const count = (name: string) => own.find(({ state }) => state === name)?.runs ?? 0
          return {
            version,
            pending: count("queue"),
            waiting: count("waits"),
            oldest: Math.min(...own.map(({ oldest }) => oldest)),
          }
        }),
    )
  }

export const make = (
  database: Database,
): Pick<SummaryRows.SummaryRows<SqlError>, "attention" | "before" | "versions"> => ({
  versions: versions(database),
  attention: attention(database),
  before: before(database),
})
