/**
 * How a client of the driver connects. Only here and in its neighbours do types of the driver appear, so that the
 * declarations of the public modules need none of them.
 */
import { Duration, Effect, Redacted, type Scope } from "effect"
import * as Pg from "pg"
import type { ConnectionOptions } from "./ConnectionOptions.js"

/** The time after the statement timeout until a client gives up on a network that drops everything. */
const silence = Duration.seconds(5)

const answerWithin = (statementTimeout: Duration.DurationInput): number | undefined =>
  Duration.toMillis(statementTimeout) === 0
    ? undefined
    : Duration.toMillis(Duration.sum(statementTimeout, silence))

/**
 * The settings of every session. Each statement of the hot path is made for an index, so the planner need not find that
 * out by statistics, which are wrong in a table that was empty a minute ago; and it is planned once. A page is read sooner by one process
 * than others start.
 */
export const sessionSettings = ({
  idleInTransactionTimeout = "10 seconds",
  lockTimeout = "2 seconds",
  statementTimeout = "30 seconds",
}: ConnectionOptions): string =>
  Object.entries({
    statement_timeout: Duration.toMillis(statementTimeout),
    lock_timeout: Duration.toMillis(lockTimeout),
    idle_in_transaction_session_timeout: Duration.toMillis(idleInTransactionTimeout),
    plan_cache_mode: "force_generic_plan",
    enable_seqscan: "off",
    enable_bitmapscan: "off",
    enable_hashjoin: "off",
    enable_mergejoin: "off",
    enable_material: "off",
    max_parallel_workers_per_gather: 0,
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

/** How a client connects. A statement that gets no answer in time takes its connection with it. */
export const clientConfig = (options: ConnectionOptions): Pg.ClientConfig => ({
  connectionString: Redacted.value(options.url),
  connectionTimeoutMillis: Duration.toMillis(options.connectTimeout ?? "5 seconds"),
  query_timeout: answerWithin(options.statementTimeout ?? "30 seconds"),
  keepAlive: true,
  fallback_application_name: "runlease",
  pipeline: true,
  types,
})

/** A client that is not connected yet; the Scope ends it. */
export const acquireClient = (config: Pg.ClientConfig): Effect.Effect<Pg.Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Pg.Client(config)),
    (client) => Effect.promise(() => client.end().catch(() => {})),
  )
