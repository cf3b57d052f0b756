import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Step } from "@runlease/core"
import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { Deferred, Effect, Layer, Redacted, Ref } from "effect"
import { TransactionalSteps } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as Steps from "./StepsInTransactions.js"
import * as TcpProxy from "./TcpProxy.js"

const urlOfSuite = Effect.runSync(Deferred.make<Redacted.Redacted>())

Steps.suite(
  "PostgreSQL",
  Layer.unwrapScoped(
    Effect.map(
      Effect.tap(PostgresDatabase.url, (url) => Deferred.succeed(urlOfSuite, url)),
      (url) => PgClient.layer({ url }),
    ),
  ),
  Effect.flatMap(Deferred.await(urlOfSuite), (url) => PostgresDatabase.waitersFor(url, 1)),
)

const killAll = (url: Redacted.Redacted) =>
  PostgresDatabase.ask(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  )

describe("a step in a transaction of PostgreSQL", () => {
  it.scopedLive("happens once when its connection is ended in its middle", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      yield* Effect.gen(function* () {
        const bodies = yield* Ref.make(0)
        const pay = post(url, bodies)
        strictEqual(yield* Steps.attempt("cut", Step.transaction("pay", pay)), 2)
        deepStrictEqual(yield* Steps.postedBy("cut"), [2])
      }).pipe(Effect.provide(Steps.withTables(PgClient.layer({ url }))))
    }),
  )

  it.scopedLive("happens once when the answer to its commit is lost", () =>
    Effect.gen(function* () {
      const direct = yield* PostgresDatabase.url
      let cuts = 0
      const through = yield* TcpProxy.make(direct, (client, connect) => {
        const server = connect()
        let committing = false
        client.on("data", (chunk) => {
          committing ||= chunk.includes("COMMIT")
          server.write(chunk)
        })
        server.on("data", (chunk) => {
          if (!committing || cuts > 0) return void client.write(chunk)
          cuts += 1
          client.destroy()
          server.destroy()
        })
        client.on("close", () => server.destroy())
        server.on("close", () => client.destroy())
      })
      yield* Effect.gen(function* () {
        const bodies = yield* Ref.make(0)
        const pay = Effect.zipRight(
          Steps.post("lost"),
          Ref.updateAndGet(bodies, (n) => n + 1),
        )
        strictEqual(yield* Steps.attempt("lost", Step.transaction("pay", pay)), 1)
        deepStrictEqual([yield* Steps.postedBy("lost"), yield* Ref.get(bodies), cuts], [[1], 1, 1])
      }).pipe(Effect.provide(Steps.withTables(PgClient.layer({ url: through }))))
    }),
  )

  it.scopedLive("repeats after a deadlock", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO entries (run, amount) VALUES ('a', 0), ('b', 0)`
        const firsts = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
        const add = (run: string) => sql`UPDATE entries SET amount = amount + 1 WHERE run = ${run}`
        const crossing = (run: string, first: string, then: string, own: 0 | 1) =>
          Steps.attempt(
            run,
            Step.transaction(
              "pay",
              add(first).pipe(
                Effect.zipRight(Deferred.succeed(firsts[own], undefined)),
                Effect.zipRight(Deferred.await(firsts[own === 0 ? 1 : 0])),
                Effect.zipRight(add(then)),
              ),
            ),
          )
        yield* Effect.all([crossing("one", "a", "b", 0), crossing("two", "b", "a", 1)], {
          concurrency: "unbounded",
        })
        deepStrictEqual([yield* Steps.postedBy("a"), yield* Steps.postedBy("b")], [[2], [2]])
      }).pipe(Effect.provide(Steps.withTables(PgClient.layer({ url }))))
    }),
  )

  it.scopedLive("needs a role that may use the table, and not one that may make it", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      yield* Effect.provide(Effect.void, Steps.withTables(PgClient.layer({ url })))
      const role = `payer_${TestDatabase.nameOf(Redacted.value(url))}`
      yield* Effect.acquireRelease(
        PostgresDatabase.ask(
          url,
          `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT, UPDATE ON runlease_steps TO ${role};
          GRANT SELECT, INSERT ON entries TO ${role}; REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
        ),
        () => PostgresDatabase.ask(url, `DROP OWNED BY ${role}; DROP ROLE ${role}`),
      )
      const own = new URL(Redacted.value(url))
      own.username = role
      own.password = "secret"
      yield* Steps.attempt("role", Step.transaction("pay", Steps.post("role"))).pipe(
        Effect.provide(
          Layer.provideMerge(TransactionalSteps.layer, PgClient.layer({ url: Redacted.make(own.href) })),
        ),
      )
      deepStrictEqual(yield* PostgresDatabase.ask(url, "SELECT run_id FROM runlease_steps"), [
        { run_id: "role" },
      ])
    }),
  )
})

/** Ends all connections the first time. */
const post = (url: Redacted.Redacted, bodies: Ref.Ref<number>) =>
  Effect.gen(function* () {
    const body = yield* Ref.updateAndGet(bodies, (n) => n + 1)
    yield* Steps.post("cut", body)
    if (body === 1) yield* killAll(url)
    return body
  })
