/** Connections to PostgreSQL as a control plane needs them. */
import * as PgClient from "@effect/sql-pg/PgClient"
import type { SqlClient } from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { StoreMetrics } from "@runlease/store"
import { Config, Duration, Effect, Layer, Runtime, Schedule, type Scope } from "effect"
import * as Pg from "pg"
import { clientConfig, sessionSettings } from "./ClientConfig.js"
import type { ConnectionOptions } from "./ConnectionOptions.js"
import * as PreparedStatements from "./PreparedStatements.js"

/**
 * `maxConnections`: 10 when absent, without the one that listens for wake-ups. The control plane writes over one of them and
 * reads over the others.
 */
export interface Options extends ConnectionOptions {
  readonly maxConnections?: number | undefined
}

/** The connections of a server when nothing else is set, without the one that listens. */
export const defaultConnections = 10

const maxOf = ({ maxConnections = defaultConnections }: Options): number => maxConnections

const setting = <A>(of: (name: string) => Config.Config<A>, name: string) =>
  Config.withDefault(of(`RUNLEASE_POSTGRES_${name}`), undefined)

/**
 * All but `url`, from `RUNLEASE_POSTGRES_MAX_CONNECTIONS`, `…_CONNECT_TIMEOUT`, `…_STATEMENT_TIMEOUT`, `…_LOCK_TIMEOUT`
 * and `…_IDLE_IN_TRANSACTION_TIMEOUT`; durations such as `30 seconds`.
 */
export const limits: Config.Config<Omit<Options, "url">> = Config.all({
  maxConnections: setting(Config.integer, "MAX_CONNECTIONS"),
  connectTimeout: setting(Config.duration, "CONNECT_TIMEOUT"),
  statementTimeout: setting(Config.duration, "STATEMENT_TIMEOUT"),
  lockTimeout: setting(Config.duration, "LOCK_TIMEOUT"),
  idleInTransactionTimeout: setting(Config.duration, "IDLE_IN_TRANSACTION_TIMEOUT"),
})

/** `url` from `DATABASE_URL`, and the limits. */
export const config: Config.Config<Options> = Config.map(
  Config.all([Config.redacted("DATABASE_URL"), limits]),
  ([url, rest]) => ({ url, ...rest }),
)

/** The time that a statement waits for a connection until the log says so, and the time between two such lines. */
const longWait = Duration.toMillis("2 seconds")
const untilAgain = Duration.toMillis("1 minute")

type Connected = Parameters<Pg.Pool["connect"]>[0]

/** A wait for a connection. `isFull`: all connections of the pool were in use when it began. */
interface ConnectionWait {
  readonly begun: number
  readonly isFull: boolean
}

/** Makes a pool of `max` connections log long waits for one of them, while they last, with what to set. */
const logWaits = (pool: Pg.Pool, max: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.zip(Effect.clock, Effect.runtime<never>()), ([clock, runtime]) => {
    const connect = pool.connect.bind(pool)
    /** The oldest is the first. */
    const waits = new Set<ConnectionWait>()
    let next = 0
    const log = ({ begun, isFull }: ConnectionWait): Effect.Effect<void> => {
      const now = clock.unsafeCurrentTimeMillis()
      if (now - begun < longWait || now < next) return Effect.void
      next = now + untilAgain
      return Effect.logWarning(
        `A statement has waited ${((now - begun) / 1000).toFixed(1)} s for a connection to the database: ${
          isFull
            ? `all ${max} of this server were in use. Raise RUNLEASE_POSTGRES_MAX_CONNECTIONS, where the database has more`
            : `a new one was opened for so long. Behind a pooler, raise its connections (PgBouncer: default_pool_size): each server takes up to ${max + 1}, RUNLEASE_POSTGRES_MAX_CONNECTIONS and one more`
        }`,
      )
    }
    Object.assign(pool, {
      connect: (callback?: Connected) => {
        if (callback === undefined) return connect()
        const wait = { begun: clock.unsafeCurrentTimeMillis(), isFull: pool.totalCount >= max }
        waits.add(wait)
        return connect((error, client, release) => {
          waits.delete(wait)
          if (clock.unsafeCurrentTimeMillis() - wait.begun >= longWait) Runtime.runFork(runtime)(log(wait))
          callback(error, client, release)
        })
      },
    })
    const look = Effect.suspend(() => {
      const oldest = waits.values().next().value
      return oldest === undefined ? Effect.void : log(oldest)
    })
    return Effect.forkScoped(Effect.schedule(look, Schedule.spaced("1 second")))
  })

/** Opens a pool; no connection is made before the first statement. */
const acquire = (options: Options): Effect.Effect<Pg.Pool, SqlError> =>
  Effect.try({
    // The URL is read when a client is made.
    try: () => new Pg.Client(clientConfig(options)),
    catch: () => new SqlError({ cause: new Error("The URL is not understood"), message: "PostgreSQL" }),
  }).pipe(
    Effect.map(() => {
      const { query_timeout, ...config } = clientConfig(options)
      const settings = { text: sessionSettings(options), query_timeout }
      const pool = new Pg.Pool({
        ...config,
        max: maxOf(options),
        onConnect: (client) => {
          PreparedStatements.enable(client, query_timeout)
          return client.query(settings)
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
 */
export const layerWith = (options: Options): Layer.Layer<SqlClient, SqlError> =>
  PgClient.layerFromPool({
    acquire: Effect.acquireRelease(acquire(options), (pool) => Effect.promise(() => pool.end())).pipe(
      Effect.tap((pool) => logWaits(pool, maxOf(options))),
    ),
  })
