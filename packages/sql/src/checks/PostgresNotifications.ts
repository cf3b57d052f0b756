/**
 * Whether a notification gets from one connection to another, as the wake-ups of servers do.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck, Ids } from "@runlease/core"
import { Clock, Duration, Effect, type Scope } from "effect"
import { acquireClient, clientConfig } from "../postgres/ClientConfig.js"
import type { ConnectionOptions } from "../postgres/ConnectionOptions.js"
import { listenersLock } from "../postgres/PostgresWakeups.js"

const patience = Duration.seconds(5)

const attempt = <A>(evaluate: () => Promise<A>) =>
  Effect.tryPromise({ try: evaluate, catch: (error) => error as Error })

/** Waits for a notification on a channel of this check alone; the connection is closed with the Scope. */
const listen = (
  options: ConnectionOptions,
  channel: string,
): Effect.Effect<Effect.Effect<void>, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* acquireClient(clientConfig(options))
    // A connection that ends is one that hears nothing.
    client.on("error", () => {})
    const heard = yield* Effect.makeLatch()
    client.on("notification", () => heard.unsafeOpen())
    yield* attempt(() => client.connect())
    yield* attempt(() => client.query(`LISTEN "${channel}"`))
    return heard.await
  })

/** How many servers listen for wake-ups. */
const listeners = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ readonly servers: number }>`SELECT count(DISTINCT pid)::int AS servers FROM pg_locks
      WHERE locktype = 'advisory' AND classid = 0 AND objid = ${listenersLock} AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    ([row]) => row?.servers ?? 0,
  ),
)

const serversOf = (count: number): string =>
  count === 0 ? "No server listens now" : count === 1 ? "One server listens" : `${count} servers listen`

/** `listening`: how to connect for LISTEN. */
export const check = (listening: ConnectionOptions): HealthCheck.HealthCheck<SqlClient.SqlClient> => ({
  name: "wake-ups",
  examine: Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const channel = `runlease_doctor_${yield* Ids.uuidV7}`
      const heard = yield* listen(listening, channel)
      const sentAt = yield* Clock.currentTimeMillis
      yield* sql`SELECT pg_notify(${channel}, '')`
      const inTime = yield* Effect.timeoutOption(heard, patience)
      const took = (yield* Clock.currentTimeMillis) - sentAt
      return inTime._tag === "Some"
        ? HealthCheck.ok(`A notification came back in ${took} ms. ${serversOf(yield* listeners)}.`)
        : HealthCheck.fail(
            `A notification did not come back within ${Duration.format(patience)}: waiting claims and viewers learn of changes late.`,
            "Connect directly, or through a pooler that keeps sessions: a pooler of transactions loses LISTEN.",
          )
    }),
  ),
})
