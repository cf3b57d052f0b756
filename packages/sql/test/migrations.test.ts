import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { Migrations, PostgresPool } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

describe("migrations under servers that write", () => {
  it.scopedLive("fail as unavailable when their connection is lost", () =>
    Effect.gen(function* () {
      const pool = Layer.orDie(PostgresPool.layerWith({ url: yield* PostgresDatabase.url }))
      const lost = Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`SELECT pg_terminate_backend(pg_backend_pid())`,
      )
      const migrating = Effect.provide(Migrations.apply({ "0001_Lost": Effect.asVoid(lost) }), pool)
      const { _tag, operation } = yield* Effect.flip(migrating)
      deepStrictEqual({ _tag, operation }, { _tag: "ControlPlaneUnavailable", operation: "migrate" })
    }),
  )

  it.scopedLive("are retried when they lose a deadlock", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const pool = PostgresPool.layerWith({ url, lockTimeout: "1 minute" })
      yield* Effect.provide(Migrations.apply(Migrations.all), pool)

      const locked = yield* Deferred.make<void>()
      let made = 0
      const next = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        made += 1
        // In a deadlock, the session that detects it first is aborted.
        yield* sql`SET LOCAL deadlock_timeout = '2s'`
        yield* sql`ALTER TABLE runs ADD COLUMN next TEXT`
        yield* Deferred.await(locked)
        yield* sql`ALTER TABLE workers ADD COLUMN next TEXT`
      })
      const waiting = PostgresDatabase.ask<{ readonly relation: string }>(
        url,
        "SELECT relation::regclass::text AS relation FROM pg_locks WHERE NOT granted",
      )
      const commit = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`SET LOCAL deadlock_timeout = '1min'`
        yield* sql`UPDATE workers SET status = status`
        yield* Deferred.succeed(locked, undefined)
        while ((yield* waiting).every(({ relation }) => relation !== "workers")) {
          yield* PostgresDatabase.breath
        }
        return yield* sql`SELECT run_id FROM runs`
      }).pipe((body) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(body)))

      const migrating = yield* Effect.fork(
        Effect.provide(Migrations.apply({ ...Migrations.all, "9999_Next": next }), pool),
      )
      deepStrictEqual(yield* Effect.provide(commit, pool), [])
      yield* Fiber.join(migrating)
      strictEqual(made, 2)
      deepStrictEqual(
        yield* PostgresDatabase.ask(
          url,
          "SELECT table_name FROM information_schema.columns WHERE column_name = 'next' ORDER BY 1",
        ),
        [{ table_name: "runs" }, { table_name: "workers" }],
      )
    }),
  )
})
