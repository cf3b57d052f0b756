/**
 * What every part of the control plane works with: the database, its dialect, the shared writer and the wake-ups.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { MigrationError } from "@effect/sql/Migrator"
import type { SqlError } from "@effect/sql/SqlError"
import { ControlPlaneUnavailable, GroupCommit, Wakeups } from "@runlease/core"
import { Effect, type Scope } from "effect"
import type { Dialect } from "./Dialect.js"
import * as Postgres from "./dialect/Postgres.js"
import * as Sqlite from "./dialect/Sqlite.js"
import type { Begun } from "./RunBatch.js"
import { StoreTime } from "./StoreTime.js"

export interface SqlStore {
  readonly sql: SqlClient.SqlClient
  readonly dialect: Dialect
  readonly wakeups: Wakeups.Wakeups
  /** Every write goes through it. */
  readonly writer: GroupCommit.GroupCommit<SqlError>
  /** What each commit that is under way has read and moved. */
  readonly batches: WeakMap<GroupCommit.Commit<SqlError>, Begun>
  /** A read, whose failure says that the store did not answer. */
  readonly read: <A>(
    operation: string,
    effect: Effect.Effect<A, SqlError>,
  ) => Effect.Effect<A, ControlPlaneUnavailable.ControlPlaneUnavailable>
}

/** What is wrong with the database where its own code tells, and whether trying again may help. */
const troubles: ReadonlyArray<{ readonly code: RegExp; readonly is: string; readonly passes: boolean }> = [
  { code: /^SQLITE_BUSY/, is: "The database is locked by another process", passes: true },
  { code: /^SQLITE_FULL/, is: "There is no room left for the database", passes: true },
  { code: /^SQLITE_IOERR/, is: "The disk of the database fails", passes: true },
  {
    code: /^(SQLITE_(CORRUPT|NOTADB)|XX00[12])/,
    is: "The database is damaged; restore a back-up",
    passes: false,
  },
  { code: /^53100/, is: "There is no room left for the database", passes: true },
  { code: /^53300/, is: "The database has no connection to spare", passes: true },
  { code: /^55P03/, is: "The database is locked by somebody else", passes: true },
  { code: /^57014/, is: "The database took too long", passes: true },
  { code: /^(28|3D)/, is: "The database does not let us in", passes: true },
]

/** What a caller is told of a failed statement. */
export const unavailable = (
  operation: string,
  error: SqlError | MigrationError,
): ControlPlaneUnavailable.ControlPlaneUnavailable => {
  const { cause } = error
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  const trouble = troubles.find((known) => known.code.test(code))
  return new ControlPlaneUnavailable.ControlPlaneUnavailable({
    operation,
    message: `${trouble?.is ?? "The database did not answer"}: ${cause instanceof Error ? cause.message : error.message}`,
    retryable: trouble?.passes ?? true,
    cause: error,
  })
}

/** The dialect of the database behind `sql`. */
export const dialectOf = (sql: SqlClient.SqlClient): Effect.Effect<Dialect> =>
  Effect.flatMap(StoreTime, (time) =>
    sql.onDialectOrElse({
      sqlite: () => Effect.succeed(Sqlite.make(sql)),
      pg: () => Effect.succeed(Postgres.make(sql, time)),
      orElse: () => Effect.dieMessage("@runlease/sql speaks SQLite and PostgreSQL; this is another database"),
    }),
  )

/**
 * `link` connects the wake-ups of this process with those of other servers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  link: (local: Wakeups.Wakeups) => Effect.Effect<Wakeups.Wakeups, never, Scope.Scope>,
): Effect.Effect<SqlStore, never, SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const dialect = yield* dialectOf(sql)
    const wakeups = yield* Effect.flatMap(Wakeups.make, link)
    const writer = yield* GroupCommit.make<SqlError>({
      transact: dialect.transact,
      gather: dialect.gather,
      isolates: dialect.blames,
      together: dialect.together,
      unavailable,
    })
    return {
      sql,
      dialect,
      wakeups,
      writer,
      batches: new WeakMap(),
      read: (operation, effect) => Effect.mapError(effect, (error) => unavailable(operation, error)),
    }
  })
