import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Runs, type ControlPlaneUnavailable } from "@runlease/core"
import { Effect, Layer, Logger, Redacted } from "effect"
import * as Pg from "pg"
import { SqlControlPlane } from "../src/index.js"
import * as PoolerProbe from "../src/postgres/PoolerProbe.js"
import * as PreparedStatements from "../src/postgres/PreparedStatements.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TransactionPooler from "./TransactionPooler.js"

/** A client as those of the pool, which answers with what a statement has done, or with the code of its failure. */
const connect = (url: Redacted.Redacted) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const client = new Pg.Client({ connectionString: Redacted.value(url), pipeline: true })
        await client.connect()
        PreparedStatements.enable(client)
        return client
      }),
      (client) => Effect.promise(() => client.end()),
    ),
    (client) =>
      (text: string, values: ReadonlyArray<unknown> = []) =>
        Effect.async<string>((resume) => {
          client.query(text, [...values], (error: Error | null, result: Pg.QueryResult) => {
            resume(
              Effect.succeed(
                error === null
                  ? `${result.command} ${result.rowCount}`
                  : "code" in error
                    ? String(error.code)
                    : error.message,
              ),
            )
          })
        }),
  )

describe("behind a pooler of transactions", () => {
  for (const tracks of [false, true]) {
    it.scopedLive(
      `that ${tracks ? "tracks" : "loses"} prepared statements, no statement runs for another one`,
      () =>
        Effect.gen(function* () {
          const direct = yield* PostgresDatabase.url
          yield* PostgresDatabase.ask(
            direct,
            "CREATE TABLE kept AS SELECT generate_series(1, 5)::bigint AS k",
          )
          const url = yield* TransactionPooler.make(direct, { size: 2, tracks })
          const [reader, deleter, first, second] = yield* Effect.all([
            connect(url),
            connect(url),
            connect(url),
            connect(url),
          ])
          const read = (k: number) => reader("SELECT k FROM kept WHERE k = $1", [k])
          // Each connection of the pooler is in a transaction while the other one gets statements.
          yield* first("BEGIN")
          for (const k of [1, 1, 1]) strictEqual(yield* read(k), "SELECT 1")
          yield* second("BEGIN")
          yield* first("COMMIT")
          for (const k of [101, 102, 103]) {
            strictEqual(yield* deleter("DELETE FROM kept WHERE k = $1", [k]), "DELETE 0")
          }
          // Where the statement is not there, the database refuses it.
          strictEqual(yield* read(1), tracks ? "SELECT 1" : "26000")
          yield* second("COMMIT")
          deepStrictEqual(yield* PostgresDatabase.ask(direct, "SELECT count(*)::int AS kept FROM kept"), [
            { kept: 5 },
          ])
        }),
    )
  }

  it.scopedLive(
    "that loses prepared statements, no control plane opens, and the reason says what to set",
    () =>
      Effect.gen(function* () {
        const url = yield* TransactionPooler.make(yield* PostgresDatabase.url, { size: 2, tracks: false })
        const refused = yield* Effect.flip(Layer.build(SqlControlPlane.layerPostgres({ url })))
        const { message, retryable } = refused as ControlPlaneUnavailable.ControlPlaneUnavailable
        strictEqual(retryable, false)
        assertTrue(message.includes("loses prepared statements"))
        assertTrue(message.includes("pool_mode = session"))
      }),
  )

  it.scopedLive(
    "that tracks prepared statements, a control plane works, and logs that wake-ups are lost",
    () =>
      Effect.gen(function* () {
        const direct = yield* PostgresDatabase.url
        const lines: Array<string> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void lines.push(String(message))),
        )
        const url = yield* TransactionPooler.make(direct, { size: 2, tracks: true })
        const submitted = Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId: "agent" }))
        yield* Effect.repeatN(submitted, 3).pipe(
          Effect.provide(SqlControlPlane.layerPostgres({ url })),
          Effect.provide(logger),
        )
        strictEqual(lines.filter((line) => line.includes("wake-ups are lost")).length, 1)
        // No connection that is handed on listens, or has the lock by which servers count each other.
        deepStrictEqual(
          yield* PostgresDatabase.ask(
            direct,
            `SELECT objid FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
          ),
          [],
        )
      }),
  )

  it.scopedLive("is found, and a direct connection is found to keep its session", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      strictEqual(yield* PoolerProbe.find({ url }), "session")
      for (const size of [1, 2, 3]) {
        for (const tracks of [false, true]) {
          const pooled = yield* TransactionPooler.make(url, { size, tracks })
          strictEqual(yield* PoolerProbe.find({ url: pooled }), tracks ? "statements" : "nothing")
        }
      }
      strictEqual(yield* PoolerProbe.find({ url: Redacted.make("postgres://127.0.0.1:1/none") }), undefined)
    }),
  )
})
