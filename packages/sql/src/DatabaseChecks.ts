/**
 * Checks of a database that stores runs. They change no table.
 *
 * Source: docs/decisions/0077-lease-doctor.md
 */
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as DatabaseClock from "./checks/DatabaseClock.js"
import * as PostgresConnections from "./checks/PostgresConnections.js"
import * as PostgresIndexes from "./checks/PostgresIndexes.js"
import * as PostgresNotifications from "./checks/PostgresNotifications.js"
import * as PostgresPooler from "./checks/PostgresPooler.js"
import * as PostgresReplication from "./checks/PostgresReplication.js"
import * as PostgresServer from "./checks/PostgresServer.js"
import * as PostgresSettings from "./checks/PostgresSettings.js"
import * as PostgresSize from "./checks/PostgresSize.js"
import * as PostgresTransactions from "./checks/PostgresTransactions.js"
import * as SqliteDisk from "./checks/SqliteDisk.js"
import * as SqliteIndexes from "./checks/SqliteIndexes.js"
import * as SqliteRead from "./checks/SqliteRead.js"
import * as TablesVersion from "./checks/TablesVersion.js"
import * as PostgresPool from "./postgres/PostgresPool.js"
import * as SqliteFile from "./sqlite/SqliteFile.js"

const unreadable = (message: string): ReadonlyArray<HealthCheck.Report> => [
  {
    check: "file",
    ...HealthCheck.fail(message, "Name the file that runlease serve uses: --database sqlite:PATH."),
  },
]

/**
 * Checks an SQLite file, while servers use it or not: whether it can be read, the version of its tables, its indexes, and its disk.
 *
 * @category checks
 */
export const sqlite = (filename: string): Effect.Effect<ReadonlyArray<HealthCheck.Report>> =>
  Effect.suspend(() =>
    fs.existsSync(filename)
      ? HealthCheck.reports(SqliteRead.check, [
          TablesVersion.check,
          SqliteIndexes.check,
          SqliteDisk.check(filename),
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
 *
 * @category checks
 */
export const postgres = (options: PostgresPool.Options): Effect.Effect<ReadonlyArray<HealthCheck.Report>> => {
  const { maxConnections = PostgresPool.defaultConnections, statementTimeout = defaultStatementTimeout } =
    options
  return HealthCheck.reports(PostgresServer.check, [
    PostgresPooler.check(options),
    TablesVersion.check,
    PostgresIndexes.check,
    DatabaseClock.check,
    PostgresNotifications.check(options),
    PostgresConnections.check(maxConnections + 1),
    PostgresSettings.timeouts(statementTimeout),
    PostgresSettings.durability,
    PostgresReplication.check,
    PostgresSettings.vacuum,
    PostgresTransactions.check(),
    PostgresSize.check,
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
