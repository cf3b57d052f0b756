/**
 * Migrations of a database's tables.
 *
 * Servers of the version before go on while this one migrates, so a migration only adds, and it may lose a deadlock
 * against them: then all of it is done again.
 *
 * @since 0.1.0
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { ControlPlaneUnavailable } from "@runlease/core"
import { Effect, Option } from "effect"
import initial from "./migrations/0001_ControlPlane.js"
import housekeeping from "./migrations/0002_Housekeeping.js"
import firstOfLane from "./migrations/0003_FirstOfLane.js"
import growth from "./migrations/0004_Growth.js"
import results from "./migrations/0005_Results.js"
import tokenIssuers from "./migrations/0006_TokenIssuers.js"
import claimIds from "./migrations/0007_ClaimIds.js"
import inputs from "./migrations/0008_Inputs.js"
import { codeOf, unavailable } from "./dialect/SqlFailure.js"
import * as SqlDialect from "./SqlDialect.js"

/**
 * Migrations by number and name.
 *
 * @since 0.1.0
 * @category models
 */
export type Migrations = Readonly<Record<string, Effect.Effect<void, SqlError, SqlClient.SqlClient>>>

/**
 * All migrations.
 *
 * @since 0.1.0
 * @category migrations
 */
export const all: Migrations = {
  "0001_ControlPlane": initial,
  "0002_Housekeeping": housekeeping,
  "0003_FirstOfLane": firstOfLane,
  "0004_Growth": growth,
  "0005_Results": results,
  "0006_TokenIssuers": tokenIssuers,
  "0007_ClaimIds": claimIds,
  "0008_Inputs": inputs,
}

/** The migrator dies when a statement fails; the failure of that statement decides whether to try again. */
const failureOf = (
  defect: unknown,
): Option.Option<Effect.Effect<never, SqlError | Migrator.MigrationError>> => {
  if (!(defect instanceof Migrator.MigrationError)) return Option.none()
  return Option.some(Effect.fail(defect.cause instanceof SqlError ? defect.cause : defect))
}

/** PostgreSQL starts up or recovers; or another process holds the lock of an SQLite file, perhaps to migrate it too. */
const passes = (error: SqlError | Migrator.MigrationError): boolean =>
  /^(57P03|SQLITE_BUSY)/.test(codeOf(error))

/** Waits for as long as it takes: only the database knows when its recovery is over. */
const waiting = <A, R>(
  effect: Effect.Effect<A, SqlError | Migrator.MigrationError, R>,
): Effect.Effect<A, SqlError | Migrator.MigrationError, R> =>
  effect.pipe(
    Effect.tapError((error) =>
      passes(error)
        ? Effect.logWarning(`${unavailable("migrate", error).message}; waiting for it`)
        : Effect.void,
    ),
    Effect.retry({ while: passes, schedule: ControlPlaneUnavailable.backoff("250 millis", "5 seconds") }),
  )

/**
 * Runs the migrations that are new to the database, in one transaction. Running it again, or from several processes
 * at once, changes nothing. Waits for a database that is starting up or locked.
 *
 * @since 0.1.0
 * @category migrations
 */
export const run = (
  migrations: Migrations,
): Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const dialect = yield* SqlDialect.dialectOf(yield* SqlClient.SqlClient)
    const migrated = Migrator.make({})({
      loader: Migrator.fromRecord(migrations),
      table: "runlease_migrations",
    }).pipe(Effect.catchSomeDefect(failureOf))
    yield* waiting(dialect.transact(Effect.zipRight(dialect.beginMigration, migrated)))
  }).pipe(Effect.mapError((error) => unavailable("migrate", error)))
