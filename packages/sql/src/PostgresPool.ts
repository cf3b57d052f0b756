/**
 * Connections to PostgreSQL as a control plane needs them.
 *
 * @since 0.1.0
 */
import { PgClient } from "@effect/sql-pg"
import type { SqlClient } from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { Config, Duration, Effect, Layer, Redacted } from "effect"
import * as Pg from "pg"
import { storable } from "./dialect/PostgresText.js"

/**
 * `url`: such as `postgres://user:password@host:5432/database?sslmode=require`. `maxConnections`: 10 when absent; the
 * control plane writes over one of them and reads over the others. `connectTimeout`: how long to wait for a connection, 5
 * seconds when absent. `statementTimeout`, 30 seconds, and `lockTimeout`, 5 seconds when absent: how long a statement may
 * take in all, and how long it may wait for somebody's lock. `idleInTransactionTimeout`: how long the server waits for
 * the next statement of a transaction before it gives up its locks, 30 seconds when absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly url: Redacted.Redacted
  readonly maxConnections?: number | undefined
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly statementTimeout?: Duration.DurationInput | undefined
  readonly lockTimeout?: Duration.DurationInput | undefined
  readonly idleInTransactionTimeout?: Duration.DurationInput | undefined
}

/**
 * All but `url`, from settings such as `POSTGRES_MAX_CONNECTIONS` and `POSTGRES_LOCK_TIMEOUT`.
 *
 * @since 0.1.0
 * @category config
 */
export const limits: Config.Config<Omit<Options, "url">> = Config.all({
  maxConnections: Config.withDefault(Config.integer("MAX_CONNECTIONS"), 10),
  connectTimeout: Config.withDefault(Config.duration("CONNECT_TIMEOUT"), Duration.seconds(5)),
  statementTimeout: Config.withDefault(Config.duration("STATEMENT_TIMEOUT"), Duration.seconds(30)),
  lockTimeout: Config.withDefault(Config.duration("LOCK_TIMEOUT"), Duration.seconds(5)),
  idleInTransactionTimeout: Config.withDefault(
    Config.duration("IDLE_IN_TRANSACTION_TIMEOUT"),
    Duration.seconds(30),
  ),
}).pipe(Config.nested("POSTGRES"))

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

/** A network that swallows everything is noticed this long after the server should have said that time is up. */
const silence = Duration.seconds(5)

const answerWithin = (statementTimeout: Duration.DurationInput): number | undefined =>
  Duration.toMillis(statementTimeout) === 0
    ? undefined
    : Duration.toMillis(Duration.sum(statementTimeout, silence))

/** How many statements a connection prepares; further ones are parsed each time. */
const maxPrepared = 500

/** How many statements that were asked once a connection remembers. */
const maxSeen = 5000

/**
 * What every session is told. Each statement of the hot path is made for an index, so the planner need not find that
 * out by statistics, which are wrong in a table that was empty a minute ago; and it is planned once.
 */
const sessionSettings = ({
  idleInTransactionTimeout = "30 seconds",
  lockTimeout = "5 seconds",
  statementTimeout = "30 seconds",
}: Options): string =>
  Object.entries({
    statement_timeout: Duration.toMillis(statementTimeout),
    lock_timeout: Duration.toMillis(lockTimeout),
    idle_in_transaction_session_timeout: Duration.toMillis(idleInTransactionTimeout),
    plan_cache_mode: "force_generic_plan",
    enable_seqscan: "off",
    enable_bitmapscan: "off",
    enable_hashjoin: "off",
    enable_mergejoin: "off",
    jit: "off",
  })
    .map(([name, value]) => `SET ${name} = ${value}`)
    .join("; ")

const int8 = Pg.types.builtins.INT8

const toSafeInteger = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond the safe integers`)
  return value
}

const types: Pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === int8 && format !== "binary" ? toSafeInteger : Pg.types.getTypeParser(oid, format as "text"),
}

type Callback = (error: Error & { readonly routine?: string }, result: unknown) => void

/**
 * Has the client prepare each statement with parameters that is asked twice, under a name of its own, and send
 * storable text.
 */
const prepareAll = (client: Pg.ClientBase): void => {
  const query = client.query.bind(client) as (...args: ReadonlyArray<unknown>) => unknown
  const names = new Map<string, string>()
  const seen = new Set<string>()
  let count = 0
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text)
    if (known !== undefined || names.size >= maxPrepared) return known
    if (!seen.has(text)) {
      if (seen.size >= maxSeen) seen.clear()
      seen.add(text)
      return undefined
    }
    seen.delete(text)
    count += 1
    const name = `runlease_${count}`
    names.set(text, name)
    return name
  }
  const prepared = (text: unknown, values: unknown, callback: unknown): unknown => {
    if (typeof text !== "string" || !Array.isArray(values) || values.length === 0) {
      return query(text, values, callback)
    }
    const storableValues = values.map((value) => (typeof value === "string" ? storable(value) : value))
    const answer: Callback = (error, result) => {
      // Its table was altered since it was prepared, so it is prepared anew next time.
      if (error?.routine === "RevalidateCachedQuery") names.delete(text)
      ;(callback as Callback)(error, result)
    }
    return query({ name: nameOf(text), text, values: storableValues }, answer)
  }
  Object.assign(client, { query: prepared })
}

/** Opens a pool; no connection is made before the first statement. */
const acquire = (options: Options): Effect.Effect<Pg.Pool, SqlError> =>
  Effect.try({
    try: () => {
      const config: Pg.PoolConfig = {
        connectionString: Redacted.value(options.url),
        max: options.maxConnections ?? 10,
        connectionTimeoutMillis: Duration.toMillis(options.connectTimeout ?? "5 seconds"),
        query_timeout: answerWithin(options.statementTimeout ?? "30 seconds"),
        keepAlive: true,
        fallback_application_name: "runlease",
        // A statement that gets no answer then takes its connection with it.
        pipeline: true,
        types,
        onConnect: (client) => {
          prepareAll(client)
          return client.query(sessionSettings(options))
        },
      }
      // The URL is read when a client is made.
      return [config, new Pg.Client(config)] as const
    },
    catch: () => new SqlError({ cause: new Error("The URL is not understood"), message: "PostgreSQL" }),
  }).pipe(
    Effect.map(([config]) => {
      const pool = new Pg.Pool(config)
      // A connection that fails while nobody uses it is replaced when somebody needs one.
      pool.on("error", () => {})
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
export const layer = (options: Options): Layer.Layer<SqlClient, SqlError> =>
  PgClient.layerFromPool({
    acquire: Effect.acquireRelease(acquire(options), (pool) => Effect.promise(() => pool.end())),
  })
