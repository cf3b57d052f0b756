/**
 * Migrations of a database's tables.
 *
 * Servers of the version before go on while this one migrates, so a migration only adds, and it may lose a deadlock
 * against them: then all of it is done again.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { ControlPlaneUnavailable } from "@runlease/core"
import { Effect, Option } from "effect"
import initial from "./migrations/0001_ControlPlane.js"
import counters from "./migrations/0002_Counters.js"
import finishedRuns from "./migrations/0003_FinishedRuns.js"
import { codeOf, unavailable } from "./dialect/SqlFailure.js"
import summaries from "./migrations/0007_Summaries.js"
import budgets from "./migrations/0006_Budgets.js"
import records from "./migrations/0005_Records.js"
import children from "./migrations/0004_Children.js"
import labels from "./migrations/0011_Labels.js"
import drainAndSessions from "./migrations/0008_DrainAndSessions.js"
import timeLimits from "./migrations/0009_TimeLimits.js"
import schedules from "./migrations/0010_Schedules.js"
import debounce from "./migrations/0014_Debounce.js"
import limits from "./migrations/0012_Limits.js"
import bulk from "./migrations/0013_Bulk.js"
import staleSchedules from "./migrations/0015_StaleSchedules.js"
import namedLimits from "./migrations/0016_NamedLimits.js"
import fairness from "./migrations/0017_Fairness.js"
import rates from "./migrations/0018_Rates.js"
import scopes from "./migrations/0019_LimitScopes.js"
import signingKeys from "./migrations/0020_SigningKeys.js"
import vacuum from "./migrations/0021_Vacuum.js"
import outbox from "./migrations/0022_Outbox.js"
import webhooks from "./migrations/0023_Webhooks.js"
import conversations from "./migrations/0024_Conversations.js"
import webhookSources from "./migrations/0025_WebhookSources.js"
import versions from "./migrations/0026_Versions.js"
import rollouts from "./migrations/0027_Rollouts.js"
import * as SqlDialect from "./SqlDialect.js"

/** Migrations by number and name. */
export type Migrations = Readonly<Record<string, Effect.Effect<void, SqlError, SqlClient.SqlClient>>>

export const all: Migrations = {
  "0001_ControlPlane": initial,
  "0002_Counters": counters,
  "0003_FinishedRuns": Effect.asVoid(finishedRuns),
  "0004_Children": children,
  "0005_Records": records,
  "0006_Budgets": budgets,
  "0007_Summaries": summaries,
  "0008_DrainAndSessions": drainAndSessions,
  "0009_TimeLimits": timeLimits,
  "0010_Schedules": schedules,
  "0011_Labels": labels,
  "0012_Limits": limits,
  "0013_Bulk": bulk,
  "0014_Debounce": debounce,
  "0015_StaleSchedules": staleSchedules,
  "0016_NamedLimits": namedLimits,
  "0017_Fairness": fairness,
  "0018_Rates": rates,
  "0019_LimitScopes": scopes,
  "0020_SigningKeys": Effect.asVoid(signingKeys),
  "0021_Vacuum": vacuum,
  "0022_Outbox": outbox,
  "0023_Webhooks": webhooks,
  "0024_Conversations": conversations,
  "0025_WebhookSources": webhookSources,
  "0026_Versions": versions,
  "0027_Rollouts": rollouts,
}

/** The table that has the migrations of a database. */
export const table = "runlease_migrations"

/** The number at the beginning of the name of a migration. */
export const numberOf = (name: string): number => Number.parseInt(name, 10)

/** The number of the last migration. */
export const latest = Math.max(...Object.keys(all).map(numberOf))

/** A table that only databases of the versions before 0.1.0 have. */
const formerTable = "run_details"

/**
 * Refuses a database whose runs are in the tables of a version before 0.1.0: they are not read, and not touched.
 *
 * Source: docs/decisions/0051-the-state-of-a-run-is-its-table.md
 */
const refuseFormer = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.flatMap(
    sql.onDialectOrElse({
      sqlite: () => sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ${formerTable}`,
      orElse: () => sql`SELECT 1 WHERE to_regclass(${formerTable}) IS NOT NULL`,
    }),
    (found) =>
      found.length === 0
        ? Effect.void
        : new ControlPlaneUnavailable.ControlPlaneUnavailable({
            operation: "migrate",
            message:
              "This database has the tables of a version before 0.1.0, which this version does not read. Nothing in it " +
              "was changed. Let its workers finish with the version that made it, then start this one on a new database",
            retryable: false,
          }),
  ),
)

/**
 * The migrator dies when a statement fails; the failure of that statement decides whether to try again. It also dies when it cannot roll
 * back, as on a connection that is lost.
 */
const failureOf = (
  defect: unknown,
): Option.Option<Effect.Effect<never, SqlError | Migrator.MigrationError>> => {
  if (defect instanceof SqlError) return Option.some(Effect.fail(defect))
  if (!(defect instanceof Migrator.MigrationError)) return Option.none()
  return Option.some(Effect.fail(defect.cause instanceof SqlError ? defect.cause : defect))
}

type Failure = SqlError | Migrator.MigrationError | ControlPlaneUnavailable.ControlPlaneUnavailable

/** PostgreSQL starts up or recovers; or another process holds the lock of an SQLite file, perhaps to migrate it too. */
const passes = (error: Failure): error is SqlError | Migrator.MigrationError =>
  error._tag !== "ControlPlaneUnavailable" && /^(57P03|SQLITE_BUSY)/.test(codeOf(error))

/** Waits for as long as it takes: only the database knows when its recovery is over. */
const waiting = <A, R>(effect: Effect.Effect<A, Failure, R>): Effect.Effect<A, Failure, R> =>
  effect.pipe(
    Effect.tapError((error) =>
      passes(error)
        ? Effect.logWarning(`${unavailable("migrate", error).message}; waiting for it`)
        : Effect.void,
    ),
    Effect.retry({ while: passes, schedule: ControlPlaneUnavailable.backoff("250 millis", "5 seconds") }),
  )

/**
 * Applies the migrations that are new to the database, in one transaction. Applying them again, or from several processes
 * at once, changes nothing. Waits for a database that is starting up or locked. `create` runs first in that transaction. It returns whether it
 * made all tables, and no migration is left then.
 */
export const apply = (
  migrations: Migrations,
  create: Effect.Effect<boolean, SqlError, SqlClient.SqlClient> = Effect.succeed(false),
): Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const dialect = yield* SqlDialect.dialectOf(yield* SqlClient.SqlClient)
    const migrated = Migrator.make({})({
      loader: Migrator.fromRecord(migrations),
      table,
    }).pipe(Effect.catchSomeDefect(failureOf))
    const missing = Effect.zipRight(refuseFormer, migrated)
    yield* waiting(
      dialect.transact(
        dialect.beginMigration.pipe(
          Effect.zipRight(create),
          Effect.if({ onTrue: () => Effect.void, onFalse: () => missing }),
        ),
      ),
    )
  }).pipe(
    Effect.mapError((error) =>
      error._tag === "ControlPlaneUnavailable" ? error : unavailable("migrate", error),
    ),
  )
