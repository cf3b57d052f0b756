/**
 * Limits with names: their bounds, which each of their keys has too.
 *
 * A transaction locks a limit with a name before the limits of its keys.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type LimitRows, LimitKey, RateRules } from "@runlease/core/store"
import { type Ids, Limits } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { toJson } from "../rows/Fields.js"
import { type BoundsRow, toBounds } from "../rows/LimitUsageRow.js"

interface NamedRow extends BoundsRow {
  readonly project_id: Ids.ProjectId
  readonly name: string
}

const toSetting = (row: NamedRow): LimitRows.NamedSetting => ({
  projectId: row.project_id,
  name: row.name,
  ...toBounds(row),
})

/** Sets one, and its keys, whose runs may go in or out then. */
const define = ({ dialect, sql }: Database, { name, projectId, ...bounds }: LimitRows.NamedSetting) => {
  const prefix = LimitKey.prefixOf(name)
  const { maxPending, maxRunning } = bounds
  const rate = toJson(bounds.rate)
  const setting = Limits.isUnbounded(bounds)
    ? sql`DELETE FROM named_limits WHERE project_id = ${projectId} AND name = ${name}`
    : sql`INSERT INTO named_limits (project_id, name, max_running, rate, max_pending)
          VALUES (${projectId}, ${name}, ${maxRunning}, ${rate}, ${maxPending})
          ON CONFLICT (project_id, name) DO UPDATE SET max_running = excluded.max_running, rate = excluded.rate,
            max_pending = excluded.max_pending`
  const tatOf = (now: number) => {
    if (bounds.rate === null) return sql.literal("limits.tat")
    const latest = RateRules.latest(bounds.rate, now)
    return sql`CASE WHEN limits.tat > ${latest} THEN ${latest} ELSE limits.tat END`
  }
  const keys = Effect.flatMap(dialect.now, (now) =>
    execute(sql`UPDATE limits SET max_running = ${maxRunning}, rate = ${rate}, max_pending = ${maxPending}, tat = ${tatOf(now)},
        check_at = ${now} WHERE limit_pk IN (
        SELECT limit_pk FROM limits WHERE project_id = ${projectId} AND substr(limit_name, 1, ${prefix.length}) = ${prefix}
        ${dialect.lock("limits", "limits.limit_pk")})`),
  )
  return Effect.zipRight(dialect.holding(execute(setting)), dialect.holding(keys))
}

const defined = ({ dialect, sql }: Database, names: ReadonlyArray<LimitRows.NamedRef>) => {
  const rows = dialect.rows(
    { project_id: "text", name: "text" },
    names.map(({ name, projectId }) => ({ project_id: projectId, name })),
  )
  return dialect.holding(
    Effect.map(
      execute(sql<NamedRow>`SELECT n.project_id, n.name, n.max_running, n.rate, n.max_pending FROM ${rows} v JOIN named_limits n
        ON n.project_id = v.project_id AND n.name = v.name ${dialect.lock("n", "n.name")}`),
      (found) => found.map(toSetting),
    ),
  )
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): Pick<LimitRows.LimitRows<SqlError>, "define" | "defined"> => ({
  define: (settings) =>
    Effect.forEach(
      settings.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      (setting) => define(database, setting),
      { discard: true },
    ),
  defined: (names) => defined(database, names),
})

/** Reads one outside of a transaction. */
export const find = (
  { sql }: Database,
  { name, projectId }: LimitRows.NamedRef,
): Effect.Effect<LimitRows.NamedSetting | undefined, SqlError> =>
  Effect.map(
    sql<NamedRow>`SELECT project_id, name, max_running, rate, max_pending FROM named_limits WHERE project_id = ${projectId} AND name = ${name}`,
    ([row]) => row && toSetting(row),
  )
