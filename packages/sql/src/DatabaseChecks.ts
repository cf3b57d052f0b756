/**
 * Checks of a database that stores runs. They change no table.
 *
 * Source: docs/decisions/0077-lease-doctor.md
 */
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as PostgresChecks from "./checks/PostgresChecks.js"
import * as OutboxChecks from "./checks/OutboxChecks.js"
import * as TablesChecks from "./checks/TablesChecks.js"
import * as PostgresNotifications from "./checks/PostgresNotifications.js"
import * as PostgresReplication from "./checks/PostgresReplication.js"
import * as SqliteChecks from "./checks/SqliteChecks.js"
import * as PostgresPool from "./postgres/PostgresPool.js"
import * as SqliteFile from "./sqlite/SqliteFile.js"

const unreadable = (message: string): ReadonlyArray<HealthCheck.Report> => [
  {
    check: "file",
    ...HealthCheck.fail(message, "Name the file that runlease serve uses: --database sqlite:PATH."),
  },
]

/** Checks an SQLite file, while servers use it or not: whether it can be read, the version of its tables, its indexes, and its disk. */
export const sqlite = (filename: string): Effect.Effect<ReadonlyArray<HealthCheck.Report>> =>
  Effect.suspend(() =>
    fs.existsSync(filename)
      ? HealthCheck.reports(SqliteChecks.readable, [
          TablesChecks.version,
          TablesChecks.sqliteIndexes,
          OutboxChecks.check,
          SqliteChecks.disk(filename),
        ]).pipe(
          Effect.provide(SqliteFile.reader(filename)),
          Effect.catchTag("SqliteFileUnusable", ({ message }) => Effect.succeed(unreadable(`${message}.`))),
        )
      : Effect.succeed(unreadable(`${filename} does not exist.`)),
  )

/** What a server connects with when nothing else is set. */
const defaultStatementTimeout = "30 seconds"

/**
 * Checks a PostgreSQL database with the options of a server: whether it answers, what a pooler between keeps, the version of its tables, its
 * indexes, its clock, its notifications, its connections, its settings, its standbys, its open transactions and its size.
 */
export const postgres = (options: PostgresPool.Options): Effect.Effect<ReadonlyArray<HealthCheck.Report>> => {
  const { maxConnections = PostgresPool.defaultConnections, statementTimeout = defaultStatementTimeout } =
    options
  return HealthCheck.reports(PostgresChecks.server, [
    PostgresChecks.pooler(options),
    TablesChecks.version,
    TablesChecks.postgresIndexes,
    OutboxChecks.check,
    PostgresChecks.clock,
    PostgresNotifications.check(options),
    PostgresChecks.connections(maxConnections + 1),
    PostgresChecks.timeouts(statementTimeout),
    PostgresChecks.durability,
    PostgresReplication.check,
    PostgresChecks.vacuum,
    PostgresChecks.transactions(),
    PostgresChecks.size,
  ]).pipe(
    Effect.provide(PostgresPool.layerWith({ ...options, maxConnections: 2 })),
    Effect.catchTag("SqlError", () =>
      Effect.succeed([
        {
          check: "server",
          ...HealthCheck.fail(
            "The URL of the database is not understood.",
            "Write it as postgres://USER@HOST/NAME.",
          ),
        },
      ]),
    ),
  )
}
