/**
 * Whether a PostgreSQL database is fit for a server: its version, its pooler, its clock, its connections, its settings, its transactions and its size.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { HealthCheck } from "@runlease/core"
import { Clock, Duration, Effect } from "effect"
import { unavailable } from "../dialect/SqlFailure.js"
import type { ConnectionOptions } from "../postgres/ConnectionOptions.js"
import * as PoolerProbe from "../postgres/PoolerProbe.js"

/** The least version, as `server_version_num` has it. */
const leastVersion = 150_000

interface ServerRow {
  readonly version: number
  readonly shown: string
  readonly replica: boolean
  readonly readOnly: boolean
}

const serverFindingOf = ({ readOnly, replica, shown, version }: ServerRow): HealthCheck.Finding => {
  if (version < leastVersion) {
    return HealthCheck.fail(`It is PostgreSQL ${shown}.`, "Use version 15 or later.")
  }
  if (replica) {
    return HealthCheck.fail(
      `PostgreSQL ${shown} answers, but it is a replica, which takes no writes.`,
      "Name the primary server in the URL, or promote this one.",
    )
  }
  return readOnly
    ? HealthCheck.fail(
        `PostgreSQL ${shown} answers, but its transactions are read-only.`,
        "Reset default_transaction_read_only of the database and of the role.",
      )
    : HealthCheck.ok(`PostgreSQL ${shown} answers, and takes writes.`)
}

/** Whether the database answers, can be written, and is new enough. */
export const server: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "server",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<ServerRow>`SELECT current_setting('server_version_num')::int AS version,
      split_part(current_setting('server_version'), ' ', 1) AS shown, pg_is_in_recovery() AS replica,
      current_setting('default_transaction_read_only') = 'on' AS "readOnly"`
    return serverFindingOf(row!)
  }).pipe(
    Effect.catchTag("SqlError", (error) =>
      Effect.succeed(
        HealthCheck.fail(
          `${unavailable("connect", error).message}.`,
          "Check that PostgreSQL runs, and the host, port, name, user and password of --database.",
        ),
      ),
    ),
  ),
}

const poolerFindingOf = (keeps: PoolerProbe.Keeps | undefined): HealthCheck.Finding => {
  if (keeps === undefined) {
    return HealthCheck.warn(
      "Two more connections got no answer in time.",
      "Raise the connections that a pooler between has for this database (PgBouncer: default_pool_size); a server takes up to one more than RUNLEASE_POSTGRES_MAX_CONNECTIONS.",
    )
  }
  return keeps === "session"
    ? HealthCheck.ok("Each connection keeps its session.")
    : HealthCheck.fail(`${PoolerProbe.losses[keeps]}.`, PoolerProbe.advice)
}

/** Whether a pooler between keeps the sessions of connections. */
export const pooler = (options: ConnectionOptions): HealthCheck.HealthCheck => ({
  name: "pooler",
  examine: Effect.map(PoolerProbe.find(options), poolerFindingOf),
})

/** How far the database is ahead, and how far off that may be; both in milliseconds. */
interface Skew {
  readonly ahead: number
  readonly off: number
}

const measure: Effect.Effect<Skew, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const sent = yield* Clock.currentTimeMillis
  const [row] = yield* sql<{
    readonly now: number
  }>`SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::float8 AS now`
  const received = yield* Clock.currentTimeMillis
  return { ahead: (row?.now ?? 0) - (sent + received) / 2, off: (received - sent) / 2 }
})

/** The finding for a clock of something that is so far ahead, at least. */
const clockFindingOf = ({ ahead, off }: Skew): HealthCheck.Finding => {
  const certain = Math.max(0, Math.abs(ahead) - off)
  const text = `The clock of the database is ${(Math.abs(ahead) / 1000).toFixed(1)} s ${ahead < 0 ? "behind" : "ahead of"} that of this machine`
  if (certain < 2000)
    return HealthCheck.ok("The clock of the database agrees with that of this machine within 2 s.")
  const advice =
    "Let both machines follow NTP. Leases go by the clock of the database alone; delays and times that callers send do not."
  return certain < 30_000 ? HealthCheck.warn(`${text}.`, advice) : HealthCheck.fail(`${text}.`, advice)
}

/** Whether the clock of a database server and that of this machine agree. */
export const clock: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "clock",
  // The first statement connects; the second measures.
  examine: Effect.map(Effect.zipRight(measure, measure), clockFindingOf),
}

interface ConnectionRow {
  readonly most: number
  readonly used: number
}

/** `pool`: the connections of one server, the one that listens included. */
export const connectionFindingOf = ({ most, used }: ConnectionRow, pool: number): HealthCheck.Finding => {
  const text = `${used} of ${most} connections are in use; a server takes up to ${pool}`
  const advice =
    "Raise max_connections (or the limit of the database or the role), or lower RUNLEASE_POSTGRES_MAX_CONNECTIONS."
  if (most < pool) return HealthCheck.fail(`${text}, more than there are.`, advice)
  const free = most - used
  return free < pool
    ? HealthCheck.warn(`${text}: one more server finds no room.`, advice)
    : HealthCheck.ok(`${text}.`)
}

/** Whether the database has connections to spare for the pool of a server. */
export const connections = (pool: number): HealthCheck.HealthCheck<SqlClient.SqlClient> => ({
  name: "connections",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reserved = (name: string) => `COALESCE(current_setting('${name}', true), '0')::int`
    const [row] = yield* sql<ConnectionRow>`SELECT LEAST(
        current_setting('max_connections')::int - ${sql.literal(reserved("superuser_reserved_connections"))}
          - ${sql.literal(reserved("reserved_connections"))},
        (SELECT NULLIF(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
        (SELECT NULLIF(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
      )::int AS most,
      (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`
    return connectionFindingOf(row!, pool)
  }),
})

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

interface TransactionRow {
  readonly pid: number
  readonly name: string
  readonly state: string
  readonly seconds: number
}

const minutes = (seconds: number): string => `${Math.round(seconds / 60)} min`

/** `longest`: how long a transaction may be open, in seconds. */
export const transactions = (longest = 3600): HealthCheck.HealthCheck<SqlClient.SqlClient> => ({
  name: "transactions",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] =
      yield* sql<TransactionRow>`SELECT pid, COALESCE(NULLIF(application_name, ''), usename::text, '') AS name,
        COALESCE(state, '') AS state, EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::float8 AS seconds
      FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' ORDER BY xact_start LIMIT 1`
    return row === undefined || row.seconds < longest
      ? HealthCheck.ok("No transaction stays open for long.")
      : HealthCheck.warn(
          `A transaction of ${row.name} (process ${row.pid}, ${row.state}) is open for ${minutes(row.seconds)}: vacuum cannot remove the rows that claims leave behind.`,
          `End it: SELECT pg_terminate_backend(${row.pid})`,
        )
  }),
})

/** How large the database is. A connection cannot report how much room its disk has. */
export const size: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "disk",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ readonly size: string }>`
      SELECT pg_size_pretty(pg_database_size(current_database())) AS size`
    return HealthCheck.ok(
      `The database has ${row?.size ?? "an unknown size"}. How much room its disk has is unknown from here: see df on its machine.`,
    )
  }),
}
