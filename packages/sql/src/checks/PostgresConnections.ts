/**
 * Whether the database has connections to spare for the pool of a server.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"

interface Row {
  readonly most: number
  readonly used: number
}

/** `pool`: the connections of one server, the one that listens included. */
export const findingOf = ({ most, used }: Row, pool: number): HealthCheck.Finding => {
  const text = `${used} of ${most} connections are in use; a server takes up to ${pool}`
  const advice =
    "Raise max_connections (or the limit of the database or the role), or lower RUNLEASE_POSTGRES_MAX_CONNECTIONS."
  if (most < pool) return HealthCheck.fail(`${text}, more than there are.`, advice)
  const free = most - used
  return free < pool
    ? HealthCheck.warn(`${text}: one more server finds no room.`, advice)
    : HealthCheck.ok(`${text}.`)
}

export const check = (pool: number): HealthCheck.HealthCheck<SqlClient.SqlClient> => ({
  name: "connections",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reserved = (name: string) => `COALESCE(current_setting('${name}', true), '0')::int`
    const [row] = yield* sql<Row>`SELECT LEAST(
        current_setting('max_connections')::int - ${sql.literal(reserved("superuser_reserved_connections"))}
          - ${sql.literal(reserved("reserved_connections"))},
        (SELECT NULLIF(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
        (SELECT NULLIF(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
      )::int AS most,
      (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`
    return findingOf(row!, pool)
  }),
})
