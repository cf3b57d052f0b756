/**
 * Connections to PostgreSQL as a control plane needs them.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type { SqlClient } from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { StoreMetrics } from "@runlease/core/store"
import { Config, Effect, Layer } from "effect"
import * as Pg from "pg"
import { clientConfig, sessionSettings } from "./ClientConfig.js"
import type { ConnectionOptions } from "./ConnectionOptions.js"
import * as PreparedStatements from "./PreparedStatements.js"

/**
 * `maxConnections`: 10 when absent, without the one that listens for wake-ups. The control plane writes over one of them and
 * reads over the others.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ConnectionOptions {
  readonly maxConnections?: number | undefined
}

const setting = <A>(of: (name: string) => Config.Config<A>, name: string) =>
  Config.withDefault(of(`RUNLEASE_POSTGRES_${name}`), undefined)

/**
 * All but `url`, from `RUNLEASE_POSTGRES_MAX_CONNECTIONS`, `…_CONNECT_TIMEOUT`, `…_STATEMENT_TIMEOUT`, `…_LOCK_TIMEOUT`
 * and `…_IDLE_IN_TRANSACTION_TIMEOUT`; durations such as `30 seconds`.
 *
 * @since 0.1.0
 * @category config
 */
export const limits: Config.Config<Omit<Options, "url">> = Config.all({
  maxConnections: setting(Config.integer, "MAX_CONNECTIONS"),
  connectTimeout: setting(Config.duration, "CONNECT_TIMEOUT"),
  statementTimeout: setting(Config.duration, "STATEMENT_TIMEOUT"),
  lockTimeout: setting(Config.duration, "LOCK_TIMEOUT"),
  idleInTransactionTimeout: setting(Config.duration, "IDLE_IN_TRANSACTION_TIMEOUT"),
})

/**
 * `url` from `DATABASE_URL`, and the limits.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Options> = Config.map(
  Config.all([Config.redacted("DATABASE_URL"), limits]),
  ([url, rest]) => ({ url, ...rest }),
)

/** Opens a pool; no connection is made before the first statement. */
const acquire = (options: Options): Effect.Effect<Pg.Pool, SqlError> =>
  Effect.try({
    // The URL is read when a client is made.
    try: () => new Pg.Client(clientConfig(options)),
    catch: () => new SqlError({ cause: new Error("The URL is not understood"), message: "PostgreSQL" }),
  }).pipe(
    Effect.map(() => {
      const pool = new Pg.Pool({
        ...clientConfig(options),
        max: options.maxConnections ?? 10,
        onConnect: (client) => {
          PreparedStatements.enable(client)
          return client.query(sessionSettings(options))
        },
      })
      // The pool replaces an idle connection that fails when one is needed.
      pool.on("error", () => {})
      const count = (state: "used" | "idle", by: number) =>
        StoreMetrics.poolConnections.add(by, StoreMetrics.byState(state))
      pool.on("connect", () => count("idle", 1))
      pool.on("acquire", () => {
        count("idle", -1)
        count("used", 1)
      })
      pool.on("release", () => {
        count("used", -1)
        count("idle", 1)
      })
      // A connection that fails after its release is removed for both.
      const removed = new WeakSet<object>()
      pool.on("remove", (client) => {
        if (!removed.has(client)) count("idle", -1)
        removed.add(client)
      })
      return pool
    }),
  )

/**
 * A pool of connections, closed with the Scope. It connects when it is first used.
 *
 * Fails: `SqlError` when the URL is not understood.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (options: Options): Layer.Layer<SqlClient, SqlError> =>
  PgClient.layerFromPool({
    acquire: Effect.acquireRelease(acquire(options), (pool) => Effect.promise(() => pool.end())),
  })
