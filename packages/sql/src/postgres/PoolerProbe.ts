/**
 * What is between this process and PostgreSQL: nothing or a pooler that keeps sessions, or one that hands its connections on from
 * transaction to transaction.
 *
 * Source: docs/decisions/0126-poolers-and-standbys.md
 */
import { Data, Duration, Effect, type Scope } from "effect"
import type * as Pg from "pg"
import { acquireClient, clientConfig, sessionSettings } from "./ClientConfig.js"
import type { ConnectionOptions } from "./ConnectionOptions.js"

/**
 * What a connection keeps. `session`: all. `statements`: prepared statements alone, so that settings, locks and LISTEN are lost. `nothing`:
 * not even those.
 */
export type Keeps = "session" | "statements" | "nothing"

/** The database has not answered. */
class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly cause: unknown }> {
  get code(): unknown {
    return this.cause instanceof Error && "code" in this.cause ? this.cause.code : undefined
  }
}

/** How long a statement may wait for a connection of a pooler. */
const patience = Duration.seconds(3)

const text = "SELECT pg_backend_pid() AS pid"
const named = { name: "runlease_pooler", text }

type RunQuery = (query: string | Pg.QueryConfig) => Effect.Effect<number | undefined, NoAnswer>

/** A session as those of the pool, which answers with the process that has run a statement. */
const open = (options: ConnectionOptions): Effect.Effect<RunQuery, NoAnswer, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* acquireClient({
      ...clientConfig(options),
      query_timeout: Duration.toMillis(patience),
    })
    client.on("error", () => {})
    const attempt = <A>(evaluate: () => Promise<A>) =>
      Effect.tryPromise({ try: evaluate, catch: (cause) => new NoAnswer({ cause }) })
    const runQuery: RunQuery = (query) =>
      Effect.map(
        attempt(() => client.query<{ readonly pid: number }>(query)),
        ({ rows }) => rows?.[0]?.pid,
      )
    yield* attempt(() => client.connect())
    yield* runQuery(sessionSettings(options))
    return runQuery
  })

/** A statement that is there although it is new, or is not there although it was prepared: the connection is another one. */
const isForeign = ({ code }: NoAnswer): boolean => code === "42P05" || code === "26000"

/**
 * Looks at two connections, one of which is idle while the other one is in a transaction: a pooler that does not keep sessions runs the
 * statements of the idle one elsewhere then. It writes nothing. Undefined where the database does not answer in a few seconds.
 */
export const find = (options: ConnectionOptions): Effect.Effect<Keeps | undefined> =>
  Effect.scoped(
    Effect.gen(function* () {
      const idle = yield* open(options)
      const busy = yield* open(options)
      const first = yield* idle(named)
      if ((yield* idle(named)) !== first) return "statements"
      yield* busy("BEGIN")
      // In a pool of one connection, the idle one would wait for the transaction.
      const isSame = (yield* busy(text)) === first
      const last = yield* isSame ? busy(named) : idle(named)
      yield* busy("ROLLBACK")
      return isSame || last !== first ? "statements" : "session"
    }),
  ).pipe(
    Effect.catchAll((error) => Effect.succeed<Keeps | undefined>(isForeign(error) ? "nothing" : undefined)),
  )

/** What is lost with each pooler that does not keep sessions, for a log or a check. */
export const losses: Readonly<Record<Exclude<Keeps, "session">, string>> = {
  statements:
    "A pooler hands the connections to the database on from transaction to transaction: wake-ups are lost, so claims and viewers at other servers learn of changes up to a second late, and so are the settings of sessions",
  nothing:
    "A pooler hands the connections to the database on from transaction to transaction, and loses prepared statements",
}

/** What to do about it. */
export const advice =
  "Let the pooler keep sessions for this database (PgBouncer: pool_mode = session), or connect directly. PgBouncer from 1.21 on keeps prepared statements where max_prepared_statements is above 0, and the rest is still lost."
