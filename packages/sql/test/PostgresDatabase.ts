import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import type { Ids } from "@runlease/core"
import { Retention, Sealing } from "@runlease/store"
import { ConfigProvider, Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as Pg from "pg"
import { afterAll } from "vitest"
import { SqlControlPlane, StoreTime } from "../src/index.js"

/** The URL of a new database, which the Scope drops. */
export const url = Effect.map(TestDatabase.make(), (made) => Redacted.make(made))

/** The environment of a server that has a key for secrets. */
export const secretKey = Layer.setConfigProvider(
  ConfigProvider.fromMap(new Map([[Sealing.variable, Buffer.alloc(32, 7).toString("base64")]])),
)

/**
 * A control plane on a new database for each test of the file that calls this, by the test's Clock. The databases are copies of one that
 * has all tables: to copy it is faster than to migrate a new one.
 */
export const layerOfFile = () => {
  const scope = Effect.runSync(Scope.make())
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const migrated = Effect.gen(function* () {
    const made = yield* url
    yield* Effect.scoped(Layer.build(SqlControlPlane.layerPostgres({ url: made })))
    return TestDatabase.nameOf(Redacted.value(made))
  }).pipe(Scope.extend(scope), Effect.cached, Effect.runSync)
  return Layer.unwrapScoped(
    Effect.gen(function* () {
      // Not on a fiber of the test, whose clock stands still and which may be interrupted.
      const template = yield* Effect.promise(() => Effect.runPromise(migrated))
      return SqlControlPlane.layerPostgres({ url: Redacted.make(yield* TestDatabase.make(template)) })
    }),
  ).pipe(Layer.provide(Layer.succeed(StoreTime.StoreTime, "clock")), Layer.provide(secretKey))
}

/** Runs a statement on a connection of its own. */
export const ask = <A>(database: Redacted.Redacted, statement: string): Effect.Effect<ReadonlyArray<A>> =>
  Effect.promise(async () => {
    const client = new Pg.Client({ connectionString: Redacted.value(database) })
    await client.connect()
    try {
      return (await client.query(statement)).rows as ReadonlyArray<A>
    } finally {
      await client.end()
    }
  })

/** Waits a moment of real time, so that sockets and other processes make progress. */
export const breath = Effect.async<void>((resume) => {
  const handle = setTimeout(() => resume(Effect.void), 20)
  return Effect.sync(() => clearTimeout(handle))
})

/** Prunes every finished run. */
export const pruneAll = (projectId: Ids.ProjectId) => Retention.pruneAll({ projectId, olderThan: 0 })

/** Waits until so many sessions of a database wait for a lock. */
export const waitersFor = (database: Redacted.Redacted, count: number): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.repeat(
      Effect.zipLeft(
        ask<{ readonly waiters: string }>(
          database,
          `SELECT count(*)::text AS waiters FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        ),
        breath,
      ),
      { until: ([row]) => Number(row?.waiters) >= count },
    ),
  )

/** Waits until no other session of a database is there. */
export const untilAlone = (database: Redacted.Redacted): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.repeat(
      Effect.zipLeft(
        ask<{ readonly others: string }>(
          database,
          `SELECT count(*)::text AS others FROM pg_stat_activity
          WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
        ),
        breath,
      ),
      { until: ([row]) => row?.others === "0" },
    ),
  )
