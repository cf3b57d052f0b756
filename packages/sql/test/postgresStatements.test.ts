import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Conversations, RunLog, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Layer, TestClock } from "effect"
import { PostgresPool, StoreTime } from "../src/index.js"
import * as SqlDialect from "../src/SqlDialect.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const layer = PostgresDatabase.layerOfFile()

describe("statements on PostgreSQL", () => {
  it.scopedLive("are prepared again after their table is altered, also in a transaction", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const context = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const sql = Context.get(context, SqlClient.SqlClient)
      const dialect = yield* SqlDialect.dialectOf(sql)
      yield* sql`CREATE TABLE t (id bigint)`
      const all = sql`SELECT * FROM t WHERE id = ${1}`
      yield* sql`INSERT INTO t VALUES (1)`
      yield* Effect.repeatN(all, 2)
      const prepared = yield* sql<{
        readonly statement: string
      }>`SELECT statement FROM pg_prepared_statements`
      assertTrue(prepared.some(({ statement }) => statement.startsWith("SELECT * FROM t")))
      yield* PostgresDatabase.ask(url, "ALTER TABLE t ADD COLUMN one int DEFAULT 1")
      deepStrictEqual(yield* all, [{ id: 1, one: 1 }])
      yield* all
      yield* PostgresDatabase.ask(url, "ALTER TABLE t ADD COLUMN two int DEFAULT 2")
      deepStrictEqual(yield* dialect.transact(all), [{ id: 1, one: 1, two: 2 }])
    }),
  )

  it.scopedLive(
    "are prepared when they read without a parameter, and a transaction's begin and end are not",
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresDatabase.url
        const context = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
        const sql = Context.get(context, SqlClient.SqlClient)
        const dialect = yield* SqlDialect.dialectOf(sql)
        const two = sql<{ readonly two: number }>`
        SELECT 1 + 1 AS two`
        yield* Effect.repeatN(dialect.transact(two), 2)
        deepStrictEqual(yield* two, [{ two: 2 }])
        const prepared = yield* sql<{ readonly statement: string }>`
        SELECT statement FROM pg_prepared_statements WHERE NOT from_sql`
        deepStrictEqual(
          prepared.map(({ statement }) => statement.trim()),
          ["SELECT 1 + 1 AS two"],
        )
      }),
  )

  it.scoped("have one instant within a transaction, also when a test's Clock goes on meanwhile", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const context = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const dialect = yield* SqlDialect.dialectOf(Context.get(context, SqlClient.SqlClient))
      const instants = Effect.all([
        dialect.instant,
        Effect.zipRight(TestClock.adjust("1 second"), dialect.instant),
        dialect.now,
      ])
      deepStrictEqual(yield* dialect.transact(instants), [0, 0, 0])
      deepStrictEqual(yield* dialect.transact(dialect.now), 1000)
    }).pipe(Effect.provideService(StoreTime.StoreTime, "clock")),
  )

  it.scoped(
    "accept any text: characters that PostgreSQL cannot store are replaced, and preserved in JSON",
    () =>
      Effect.gen(function* () {
        const conversations = yield* Conversations.Conversations
        const runs = yield* Runs.Runs
        const log = yield* RunLog.RunLog
        const { id: conversationId } = yield* conversations.create({
          title: "a\u0000b\ud800",
          metadata: { text: "a\u0000b" },
        })
        const read = yield* conversations.get(conversationId)
        strictEqual(read.title, "a\ufffdb\ufffd")
        deepStrictEqual(read.metadata, { text: "a\u0000b" })
        const submission = { agentId: "agent", conversationId, initialStatus: "running" } as const
        const refused = yield* Effect.flip(runs.submit({ ...submission, mode: "\u0000\\u0000\udfff" }))
        strictEqual(refused._tag, "InvalidSubmission")
        const { run } = yield* runs.submit({ ...submission, mode: "\\u0000" })
        strictEqual((yield* runs.get(run.runId)).mode, "\\u0000")
        const event = { type: "CUSTOM", name: "\u0000\\", value: "é\u2028😀\ud800" }
        yield* log.append({ runId: run.runId, events: [event] })
        deepStrictEqual((yield* log.read({ runId: run.runId })).at(-1)?.event, event)
      }).pipe(Effect.provide(layer)),
  )

  it.scopedLive("take rows of any text and number", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const context = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const sql = Context.get(context, SqlClient.SqlClient)
      const { rows } = yield* SqlDialect.dialectOf(sql)
      const columns = { number: "integer", text: "text" } as const
      const plain = ["", "NULL", "null", "{a,b}", '"', "\\", '\\"', " é😀 ", null]
      const escaped = ["a\nb\t", "\\n", "\b\u0001", '"\r\\', "\\u0000"]
      for (const texts of [plain, escaped, [...plain, ...escaped], []]) {
        const values = texts.map((text, index) => ({ number: index === 1 ? null : index * 2 ** 40, text }))
        deepStrictEqual(yield* sql`SELECT number, text FROM ${rows(columns, values)} v`, values)
      }
    }),
  )

  it.scoped("never receive a cursor that no list returned", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const conversations = yield* Conversations.Conversations
      const registry = yield* WorkerRegistry.WorkerRegistry
      yield* registry.register({ implementationKind: "kind", workerKey: "key" })
      const { run } = yield* runs.submit({ agentId: "agent" })
      yield* conversations.addMessage(run.conversationId, { role: "user", parts: [] })
      for (const cursor of ["x", "1.2.3", "1e400", "\u0000"]) {
        for (const list of [
          Effect.asVoid(runs.list({ cursor })),
          Effect.asVoid(conversations.messages(run.conversationId, { cursor })),
          Effect.asVoid(registry.list({ cursor })),
        ]) {
          strictEqual((yield* Effect.flip(list))._tag, "InvalidCursor")
        }
      }
    }).pipe(Effect.provide(layer)),
  )
})
