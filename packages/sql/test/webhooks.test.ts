import { SqliteClient } from "@effect/sql-sqlite-node"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, ControlPlane, type Ids, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import * as TestWebhooks from "@runlease/testkit/webhooks/TestWebhooks"
import { Context, Effect, Layer, TestClock } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const cancelled = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const { runId } = yield* TestRuns.submit()
  yield* runs.cancel(runId)
  return runId
})

/** A run from its submission to its end, by a worker. */
const worked = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const worker = yield* TestRuns.register()
  const run = yield* TestRuns.hold(worker)
  yield* TestRuns.append(run, [{ type: "CUSTOM", name: "note", value: 1 }])
  yield* runs.complete(run.runId, { status: "completed" }, TestRuns.leaseOf(run))
})

/** Runs a statement on a connection of its own. */
const execute = (filename: string, statement: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(SqliteClient.layer({ filename })),
  )

const inProject =
  (projectId: Ids.ProjectId) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(ControlPlane.ControlPlane, ({ project }) => Effect.provide(effect, project(projectId)))

describe("a project without endpoints", () => {
  const stores = {
    SQLite: Effect.map(TempDatabase.filename, (filename) => SqlControlPlane.layerSqlite({ filename })),
    PostgreSQL: Effect.map(PostgresDatabase.url, (url) =>
      Layer.provide(SqlControlPlane.layerPostgres({ url }), PostgresDatabase.secretKey),
    ),
  }
  for (const [name, store] of Object.entries(stores)) {
    it.scoped(
      `reads and writes nothing of webhooks in its runs, also beside a project that has one (${name})`,
      () =>
        Effect.gen(function* () {
          const layer = yield* store
          const statements: Array<string> = []
          const record = Statement.setTransformer((statement) =>
            Effect.sync(() => {
              const [text] = statement.compile()
              if (text.includes("webhook_") && !text.includes("MIN(due)")) statements.push(text)
              return statement
            }),
          )
          yield* Effect.gen(function* () {
            // Until its first look at what is due, a server does not know that there is no endpoint.
            yield* Effect.repeat(
              Effect.zipRight(
                Effect.sync(() => (statements.length = 0)),
                worked,
              ),
              { until: () => statements.length === 0, times: 20 },
            )
            deepStrictEqual(statements, [])
            const access = yield* Access.Access
            const other = yield* access.createProject("other")
            yield* inProject(other.id)(TestWebhooks.create())
            statements.length = 0
            yield* worked
            yield* cancelled
            deepStrictEqual(statements, [])
            yield* inProject(other.id)(worked)
            deepStrictEqual(
              statements.map((text) => text.trim().slice(0, 6)),
              ["SELECT", "INSERT"],
            )
          }).pipe(Effect.provide(Layer.provide(layer, record)), Effect.provide(record))
        }),
    )
  }
})

describe("a commit that fails", () => {
  /** A run that is cancelled where each insertion into a table fails: its status after that, and the messages. */
  const failingAt = (table: string) =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      return yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* TestWebhooks.create()
        const { runId } = yield* TestRuns.submit()
        yield* execute(
          filename,
          `CREATE TRIGGER broken AFTER INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'broken'); END`,
        )
        const failure = yield* Effect.flip(runs.cancel(runId))
        strictEqual(failure._tag, "ControlPlaneUnavailable")
        const before = { status: (yield* runs.get(runId)).status, messages: yield* TestWebhooks.all }
        deepStrictEqual(before, { status: "pending", messages: [] })
        yield* execute(filename, "DROP TRIGGER broken")
        yield* runs.cancel(runId)
        return (yield* TestWebhooks.all).map((message) => message.runId === runId)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    })

  it.scoped("has no message where the end of the run is not stored", () =>
    Effect.map(failingAt("outcomes"), (messages) => deepStrictEqual(messages, [true])),
  )

  it.scoped("ends no run where its message is not stored", () =>
    Effect.map(failingAt("webhook_deliveries"), (messages) => deepStrictEqual(messages, [true])),
  )
})

describe("an endpoint that another server makes", () => {
  it.scoped("gets messages of this one within a second", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const server = Effect.map(
        Layer.build(Layer.fresh(SqlControlPlane.layerSqlite({ filename }))),
        (context) => Context.get(context, ControlPlane.ControlPlane),
      )
      const [one, other] = [yield* server, yield* server]
      const project = yield* Effect.map(
        Effect.provide(
          Effect.flatMap(Access.Access, ({ getProject }) => getProject("default")),
          Layer.fresh(SqlControlPlane.layerSqlite({ filename })),
        ),
        ({ id }) => id,
      )
      yield* Effect.provide(TestWebhooks.create(), one.project(project))
      // It is the look at what is due that finds the endpoint.
      yield* TestClock.adjust("1 second")
      yield* Effect.provide(TestRuns.settle, other.project(project))
      yield* Effect.provide(cancelled, other.project(project))
      strictEqual((yield* Effect.provide(TestWebhooks.all, other.project(project))).length, 1)
    }),
  )
})

describe("old messages", () => {
  it.scoped("are pruned 30 days after their end, and not with their runs", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const { prune } = yield* ControlPlane.ControlPlane
        const { endpoint } = yield* TestWebhooks.create()
        yield* cancelled
        yield* TestWebhooks.settle(yield* TestWebhooks.claimOne, TestWebhooks.delivered)
        const days = (count: number) =>
          execute(
            filename,
            `UPDATE webhook_deliveries SET finished_at = finished_at - ${count * 24 * 60 * 60 * 1000}`,
          )
        const pruned = prune({ projectId: endpoint.projectId, olderThan: 0 })
        yield* days(29)
        strictEqual((yield* pruned).pruned, 1)
        strictEqual((yield* TestWebhooks.all).length, 1)
        yield* days(1)
        yield* pruned
        strictEqual((yield* TestWebhooks.all).length, 0)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )
})
