/**
 * Whether settings of the database get in the way: time limits that cut connections off, commits that are not on the disk, and vacuum
 * that is off.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { HealthCheck } from "@runlease/core"
import { Duration, Effect } from "effect"

const settings = (
  names: ReadonlyArray<string>,
): Effect.Effect<ReadonlyMap<string, string>, SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql<{ readonly name: string; readonly setting: string }>`SELECT name, setting FROM pg_settings
        WHERE name IN ${sql.in(names)}`,
      (rows) => new Map(rows.map(({ name, setting }) => [name, setting])),
    ),
  )

const timeoutNames = ["statement_timeout", "idle_session_timeout", "transaction_timeout"] as const

/** The shortest statement timeout that leaves room for a commit of many runs on a busy disk. */
const shortest = Duration.toMillis("5 seconds")

const tooShort = (name: string, value: number): HealthCheck.Finding =>
  HealthCheck.warn(
    `${name} is ${value} ms, which a commit of many runs on a busy disk may take.`,
    name === "statement_timeout"
      ? "Raise RUNLEASE_POSTGRES_STATEMENT_TIMEOUT; 30 seconds is usual."
      : `Turn it off for the role of Runlease: ALTER ROLE name SET ${name} = 0`,
  )

/** `wanted`: the statement timeout that the sessions of a server set. */
const timeoutsOf = (found: ReadonlyMap<string, string>, wanted: number): HealthCheck.Finding => {
  const [statement, idle, transaction] = timeoutNames.map((name) => Number(found.get(name) ?? 0)) as [
    number,
    number,
    number,
  ]
  if (statement !== wanted) {
    return HealthCheck.fail(
      `The session has a statement_timeout of ${statement} ms, although it has set ${wanted} ms: something between drops what sessions set.`,
      "Connect directly, or through a pooler that keeps sessions: LISTEN and the settings of a session need one.",
    )
  }
  if (statement === 0) {
    return HealthCheck.warn(
      "A statement may take for ever, so a hung one holds its connection for ever.",
      "Set RUNLEASE_POSTGRES_STATEMENT_TIMEOUT; 30 seconds is usual.",
    )
  }
  if (statement < shortest) return tooShort("statement_timeout", statement)
  if (transaction > 0 && transaction < shortest) return tooShort("transaction_timeout", transaction)
  return idle > 0
    ? HealthCheck.warn(
        `idle_session_timeout is ${idle} ms: it cuts off the connections over which servers wait for wake-ups.`,
        "Turn it off for the role of Runlease: ALTER ROLE name SET idle_session_timeout = 0",
      )
    : HealthCheck.ok(`A statement is ended after ${statement / 1000} s, and sessions stay open.`)
}

/** `statementTimeout`: what the sessions of a server set. */
export const timeouts = (
  statementTimeout: Duration.DurationInput,
): HealthCheck.HealthCheck<SqlClient.SqlClient> => ({
  name: "timeouts",
  examine: Effect.map(settings(timeoutNames), (found) =>
    timeoutsOf(found, Duration.toMillis(statementTimeout)),
  ),
})

const durabilityOf = (found: ReadonlyMap<string, string>): HealthCheck.Finding => {
  if (found.get("fsync") === "off" || found.get("full_page_writes") === "off") {
    return HealthCheck.fail(
      `${found.get("fsync") === "off" ? "fsync" : "full_page_writes"} is off: a loss of power may damage the database.`,
      "Turn it on in postgresql.conf, and reload.",
    )
  }
  return found.get("synchronous_commit") === "off"
    ? HealthCheck.warn(
        "synchronous_commit is off: a crash of the database may undo the last acknowledged changes.",
        "Turn it on for the role of Runlease: ALTER ROLE name SET synchronous_commit = on",
      )
    : HealthCheck.ok("What is acknowledged is on the disk of the database.")
}

export const durability: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "durability",
  examine: Effect.map(settings(["fsync", "full_page_writes", "synchronous_commit"]), durabilityOf),
}

/** The tables of the schema whose own settings turn autovacuum off. */
const unvacuumed = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ readonly name: string }>`SELECT relname::text AS name FROM pg_class
      WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
        AND reloptions && ARRAY['autovacuum_enabled=false', 'autovacuum_enabled=off'] ORDER BY relname`,
    (rows) => rows.map(({ name }) => name),
  ),
)

export const vacuum: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "vacuum",
  examine: Effect.gen(function* () {
    const found = yield* settings(["autovacuum", "track_counts"])
    const off = Array.from(found).flatMap(([name, setting]) => (setting === "off" ? [name] : []))
    if (off.length > 0) {
      return HealthCheck.fail(
        `${off.join(" and ")} is off: claims read past ever more rows that are dead.`,
        "Turn it on in postgresql.conf, and reload.",
      )
    }
    const tables = yield* unvacuumed
    return tables.length === 0
      ? HealthCheck.ok("Autovacuum is on.")
      : HealthCheck.fail(
          `Autovacuum is off for ${tables.join(", ")}: claims read past ever more rows that are dead.`,
          `Run: ${tables.map((name) => `ALTER TABLE ${name} RESET (autovacuum_enabled)`).join("; ")}`,
        )
  }),
}
