/** The control plane on a SQL database. */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Access, ControlPlane, ControlPlaneError } from "@runlease/core"
import { StoreControlPlane } from "@runlease/store"
import { Config, type ConfigError, type Context, Effect, Layer, type Scope } from "effect"
import * as MigratedTables from "./MigratedTables.js"
import type * as PostgresPool from "./postgres/PostgresPool.js"
import * as SqliteFile from "./sqlite/SqliteFile.js"

type Ports = MigratedTables.Ports

/**
 * Brings the database's tables up to date; running it again, or from several processes at once, changes nothing. Waits,
 * and says so in the log, for a database that is starting up or that another process has locked.
 */
export const migrate: Effect.Effect<void, ControlPlaneError.ControlPlaneError, SqlClient.SqlClient> =
  MigratedTables.migrate

/**
 * The control plane over the tables of an open database, which it brings up to date. Leases lapse and delays end for
 * as long as the Scope is open.
 */
export const make: Effect.Effect<
  Context.Context<ControlPlane.ControlPlane | Access.Access>,
  ControlPlaneError.ControlPlaneError,
  SqlClient.SqlClient | Scope.Scope
> = Effect.zipRight(migrate, MigratedTables.make(Effect.succeed))

/**
 * The control plane over a database, and the ports of its project `default`.
 *
 * Fails: `ControlPlaneUnavailable` when the tables cannot be brought up to date.
 */
export const layer: Layer.Layer<Ports, ControlPlaneError.ControlPlaneError, SqlClient.SqlClient> =
  StoreControlPlane.layerOf(make)

/**
 * The control plane on one SQLite file, which is made when absent, and the ports of its project `default`.
 *
 * Fails: `SqliteFileUnusable` says what is wrong with the file; `ControlPlaneUnavailable` as `layer` does.
 */
export const layerSqlite = (
  options: SqliteFile.Options,
): Layer.Layer<Ports, ControlPlaneError.ControlPlaneError | SqliteFile.SqliteFileUnusable> =>
  layer.pipe(Layer.provide(SqliteFile.layerWith(options)))

/**
 * The control plane on a PostgreSQL database, which any number of servers may share, and the ports of its project
 * `default`. The tables are brought up to date first, over a connection that may take as long as it needs. Behind a pooler that hands
 * connections on from transaction to transaction there are no wake-ups between servers, and the log says so.
 *
 * Fails: `ControlPlaneUnavailable` when the database cannot be reached, its tables cannot be brought up to date, or such a pooler loses
 * prepared statements.
 */
export const layerPostgres = (
  options: PostgresPool.Options,
): Layer.Layer<Ports, ControlPlaneError.ControlPlaneError> =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("./postgres/PostgresControlPlane.js")),
      (postgres) => postgres.layer(options),
    ),
  )

/** `layerPostgres` with settings, such as `PostgresPool.config`. */
export const layerPostgresConfig = (
  options: Config.Config.Wrap<PostgresPool.Options>,
): Layer.Layer<Ports, ControlPlaneError.ControlPlaneError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layerPostgres))
