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
import { type LimitRows, LimitKey } from "@runlease/core/store"
import type { Ids } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"

interface NamedRow {
  readonly project_id: Ids.ProjectId
  readonly name: string
  readonly max_running: number
}

const toSetting = ({ max_running, name, project_id }: NamedRow): LimitRows.NamedSetting => ({
  projectId: project_id,
  name,
  maxRunning: max_running,
})

/** Sets one, and its keys, whose runs may go in or out then. */
const define = ({ dialect, sql }: Database, { maxRunning, name, projectId }: LimitRows.NamedSetting) => {
  const prefix = LimitKey.prefixOf(name)
  const setting =
    maxRunning === null
      ? sql`DELETE FROM named_limits WHERE project_id = ${projectId} AND name = ${name}`
      : sql`INSERT INTO named_limits (project_id, name, max_running) VALUES (${projectId}, ${name}, ${maxRunning})
          ON CONFLICT (project_id, name) DO UPDATE SET max_running = excluded.max_running`
  const keys = Effect.flatMap(dialect.now, (now) =>
    execute(sql`UPDATE limits SET max_running = ${maxRunning}, check_at = ${now} WHERE limit_pk IN (
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
      execute(sql<NamedRow>`SELECT n.project_id, n.name, n.max_running FROM ${rows} v JOIN named_limits n
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
    sql<NamedRow>`SELECT project_id, name, max_running FROM named_limits WHERE project_id = ${projectId} AND name = ${name}`,
    ([row]) => row && toSetting(row),
  )
