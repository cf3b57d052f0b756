/**
 * What every part of the control plane works with: the database, its dialect, the shared writer and the wake-ups.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { type ControlPlaneUnavailable, GroupCommit, StoreClock, Wakeups } from "@runlease/core"
import { Effect, type Scope } from "effect"
import type { Dialect } from "../dialect/Dialect.js"
import * as PostgresDialect from "../postgres/PostgresDialect.js"
import * as SqliteDialect from "../sqlite/SqliteDialect.js"
import type { Begun } from "./RunBatch.js"
import * as SqlFailure from "../dialect/SqlFailure.js"
import { SqliteFileCheck } from "../dialect/SqliteFileCheck.js"
import { StoreTime } from "../dialect/StoreTime.js"

export interface SqlStore {
  readonly sql: SqlClient.SqlClient
  readonly dialect: Dialect
  readonly wakeups: Wakeups.Wakeups
  /** Every write goes through it; it refuses them while the file of the database is not in its place. */
  readonly writer: GroupCommit.GroupCommit<SqlError>
  /** What each commit that is under way has read and moved. */
  readonly batches: WeakMap<GroupCommit.Commit<SqlError>, Begun>
  /** Whether the store answers, and writes would be kept. */
  readonly ready: Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable>
  /** A read, whose failure says that the store did not answer. */
  readonly read: <A>(
    operation: string,
    effect: Effect.Effect<A, SqlError>,
  ) => Effect.Effect<A, ControlPlaneUnavailable.ControlPlaneUnavailable>
}

/** The dialect of the database behind `sql`. */
export const dialectOf = (sql: SqlClient.SqlClient): Effect.Effect<Dialect> =>
  Effect.flatMap(StoreTime, (time) =>
    sql.onDialectOrElse({
      sqlite: () => Effect.map(StoreClock.make, (now) => SqliteDialect.make(sql, now)),
      pg: () => Effect.succeed(PostgresDialect.make(sql, time)),
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
    const { inPlace } = yield* SqliteFileCheck
    const wakeups = yield* Effect.flatMap(Wakeups.make, link)
    const writer = yield* GroupCommit.make<SqlError>({
      transact: (effect) => Effect.zipRight(inPlace, dialect.transact(effect)),
      gather: dialect.gather,
      isolates: dialect.blames,
      together: dialect.together,
      unavailable: SqlFailure.unavailable,
    })
    const read: SqlStore["read"] = (operation, effect) =>
      Effect.mapError(effect, (error) => SqlFailure.unavailable(operation, error))
    return {
      sql,
      dialect,
      wakeups,
      writer,
      batches: new WeakMap(),
      read,
      ready: Effect.asVoid(read("ready", Effect.zipRight(inPlace, sql`SELECT 1`))),
    }
  })
