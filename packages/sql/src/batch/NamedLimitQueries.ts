/**
 * Limits with names: their bounds, which each of their keys has too, and the agents whose submissions are under them.
 *
 * A transaction locks a limit with a name before the limits of its keys.
 *
 * Source: docs/decisions/0102-limits.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type Ids, Limits } from "@runlease/core"
import { LimitKey, type LimitRows, RateRules } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { toJson } from "../rows/Fields.js"
import { type BoundsRow, toBounds } from "../rows/LimitUsageRow.js"

interface NamedRow extends BoundsRow {
  readonly project_id: Ids.ProjectId
  readonly name: string
  readonly agent_ids: string | null
  readonly key_from: string | null
}

const columns = "n.project_id, n.name, n.max_running, n.rate, n.max_pending, n.agent_ids, n.key_from"

const toSetting = (row: NamedRow): LimitRows.NamedSetting => ({
  projectId: row.project_id,
  name: row.name,
  ...toBounds(row),
  agentIds: row.agent_ids === null ? [] : (JSON.parse(row.agent_ids) as ReadonlyArray<Ids.AgentId>),
  keyFrom: row.key_from,
})

/** Sets the agents whose submissions are under a limit: `limit_agents` finds it by each of them. */
const setAgents = (
  { dialect, sql }: Database,
  { agentIds, name, projectId }: LimitRows.NamedSetting,
): Effect.Effect<unknown, SqlError> => {
  const remove = execute(sql`DELETE FROM limit_agents WHERE project_id = ${projectId} AND name = ${name}`)
  if (agentIds.length === 0) return remove
  const rows = dialect.rows(
    { agent_id: "text" },
    agentIds.map((agentId) => ({ agent_id: agentId })),
  )
  return Effect.zipRight(
    remove,
    execute(sql`INSERT INTO limit_agents (project_id, agent_id, name)
      SELECT ${projectId}, v.agent_id, ${name} FROM ${rows} v`),
  )
}

/** Sets one, and its keys, whose runs may go in or out then. */
const define = (database: Database, named: LimitRows.NamedSetting) => {
  const { dialect, sql } = database
  const { agentIds, keyFrom, name, projectId, ...bounds } = named
  const agents = agentIds.length === 0 ? null : JSON.stringify(agentIds)
  const prefix = LimitKey.prefixOf(name)
  const { maxPending, maxRunning } = bounds
  const rate = toJson(bounds.rate)
  const setting = Limits.isUnbounded(bounds)
    ? sql`DELETE FROM named_limits WHERE project_id = ${projectId} AND name = ${name}`
    : sql`INSERT INTO named_limits (project_id, name, max_running, rate, max_pending, agent_ids, key_from)
          VALUES (${projectId}, ${name}, ${maxRunning}, ${rate}, ${maxPending}, ${agents}, ${keyFrom})
          ON CONFLICT (project_id, name) DO UPDATE SET max_running = excluded.max_running, rate = excluded.rate,
            max_pending = excluded.max_pending, agent_ids = excluded.agent_ids, key_from = excluded.key_from`
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
  return dialect
    .holding(execute(setting))
    .pipe(Effect.zipRight(setAgents(database, named)), Effect.zipRight(dialect.holding(keys)))
}

const defined = ({ dialect, sql }: Database, names: ReadonlyArray<LimitRows.NamedRef>) => {
  const rows = dialect.rows(
    { project_id: "text", name: "text" },
    names.map(({ name, projectId }) => ({ project_id: projectId, name })),
  )
  return dialect.holding(
    Effect.map(
      execute(sql<NamedRow>`SELECT ${sql.literal(columns)} FROM ${rows} v JOIN named_limits n
        ON n.project_id = v.project_id AND n.name = v.name ${dialect.lock("n", "n.name")}`),
      (found) => found.map(toSetting),
    ),
  )
}

interface AgentRow {
  readonly project_id: Ids.ProjectId
  readonly agent_id: Ids.AgentId
  readonly name: string
}

/** The limits that agents are in. A transaction that changes them locks those of the project, so that no agent is in too many. */
const ofAgents = (
  { dialect, sql }: Database,
  agents: ReadonlyArray<LimitRows.AgentRef>,
  changes: boolean,
) => {
  const rows = dialect.rows(
    { project_id: "text", agent_id: "text" },
    agents.map(({ agentId, projectId }) => ({ project_id: projectId, agent_id: agentId })),
  )
  const found = Effect.map(
    execute(sql<AgentRow>`SELECT a.project_id, a.agent_id, a.name FROM ${rows} v JOIN limit_agents a
      ON a.project_id = v.project_id AND a.agent_id = v.agent_id`),
    (all) =>
      all.map(({ agent_id, name, project_id }) => ({ projectId: project_id, agentId: agent_id, name })),
  )
  const locks = agents.map(({ projectId }) => `limit_agents ${projectId}`)
  return changes ? Effect.zipRight(dialect.lockNames(locks), found) : found
}

export const make = (
  database: Database,
): Pick<LimitRows.LimitRows<SqlError>, "define" | "defined" | "ofAgents"> => ({
  define: (settings) =>
    Effect.forEach(
      settings.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      (setting) => define(database, setting),
      { discard: true },
    ),
  defined: (names) => defined(database, names),
  ofAgents: (agents, { changes }) => ofAgents(database, agents, changes),
})

/** Reads one outside of a transaction. */
export const find = (
  { sql }: Database,
  { name, projectId }: LimitRows.NamedRef,
): Effect.Effect<LimitRows.NamedSetting | undefined, SqlError> =>
  Effect.map(
    sql<NamedRow>`SELECT ${sql.literal(columns)} FROM named_limits n WHERE n.project_id = ${projectId} AND n.name = ${name}`,
    ([row]) => row && toSetting(row),
  )
