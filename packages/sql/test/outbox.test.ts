import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Access, ControlPlane, Ids, RefusedRows, Runs } from "@runlease/core"
import { Context, Effect, Layer, Schedule, Schema } from "effect"
import { Outbox } from "../src/index.js"
import * as Databases from "./Databases.js"

const Refund = Agent.make({ name: "refund", payload: Schema.Struct({ euros: Schema.Number }) })

const stores = { SQLite: Databases.sqlite, PostgreSQL: Databases.postgres }

/** The run of an id, as soon as the server has made it of its row. */
const made = (runId: string) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.retry(runs.get(Ids.RunId.make(runId)), {
      while: ({ _tag }) => _tag === "RunNotFound",
      schedule: Schedule.spaced("5 millis"),
    }),
  )

interface Refused {
  readonly id: string
  readonly code: string
  readonly message: string
}

const tables = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.all({
    waiting: Effect.map(sql`SELECT id FROM runlease_outbox`, ({ length }) => length),
    refused: sql<Refused>`SELECT CAST(id AS TEXT) AS id, code, message FROM runlease_outbox_refused
      ORDER BY position`,
  }),
)

for (const [name, open] of Object.entries(stores)) {
  describe(`the outbox on ${name}`, () => {
    /** Runs a test beside a server of the database, over a connection of the application. */
    const test = (
      does: string,
      effect: Effect.Effect<
        void,
        unknown,
        SqlClient.SqlClient | Layer.Layer.Success<Databases.Database["controlPlane"]>
      >,
    ) =>
      it.scopedLive(does, () =>
        Effect.flatMap(open, ({ client, controlPlane }) =>
          // The tables are the server's.
          Effect.flatMap(Layer.build(controlPlane), (ports) =>
            effect.pipe(Effect.provide(client), Effect.provide(ports)),
          ),
        ),
      )

    test(
      "has a run for what a transaction has committed, and none for one that rolled back",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE orders (id TEXT PRIMARY KEY, run_id TEXT)`
        const order = (id: string, paid: boolean) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const runId = yield* Outbox.submit(Refund, { euros: 5 }, { labels: { order: id } })
              yield* sql`INSERT INTO orders (id, run_id) VALUES (${id}, ${runId})`
              if (!paid) yield* Effect.fail("not paid")
              return runId
            }),
          )
        strictEqual(yield* Effect.flip(order("one", false)), "not paid")
        const runId = yield* order("two", true)
        const run = yield* made(runId)
        deepStrictEqual([run.agentId, run.status, run.labels], ["refund", "pending", { order: "two" }])
        const runs = yield* Runs.Runs
        deepStrictEqual((yield* runs.snapshot(run.runId)).input, { euros: 5 })
        const { items } = yield* runs.list()
        deepStrictEqual(
          items.map((item) => item.runId),
          [runId],
        )
        deepStrictEqual(yield* sql`SELECT id, run_id FROM orders`, [{ id: "two", run_id: runId }])
        deepStrictEqual(yield* tables, { waiting: 0, refused: [] })
      }),
    )

    test(
      "takes a plain INSERT, with an id of its own, in the order of its rows",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const rows = yield* sql.withTransaction(
          Effect.forEach(
            Array.from({ length: 20 }, (_, place) => place),
            (place) =>
              sql<{ readonly id: string }>`
              INSERT INTO runlease_outbox (submission)
              VALUES (${JSON.stringify({ agent: "refund", text: `${place}`, concurrency_key: "one" })})
              RETURNING CAST(id AS TEXT) AS id`,
          ),
        )
        const ids = rows.flat().map(({ id }) => id)
        assertTrue(
          ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
        )
        yield* made(ids.at(-1)!)
        const { items } = yield* (yield* Runs.Runs).list()
        deepStrictEqual(items.map(({ runId }) => runId).toReversed(), ids)
      }),
    )

    test(
      "keeps what becomes no run, with the reason, and takes the rows beside it",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const runs = yield* Runs.Runs
        const { id: projectId } = yield* (yield* Access.Access).createProject("shop")
        const id = yield* Ids.uuidV7
        yield* runs.submit({ agentId: "refund", publicId: id })
        const put = (submission: object, project: string, rowId?: string) =>
          sql`INSERT INTO runlease_outbox ${sql.insert({
            submission: JSON.stringify(submission),
            project,
            ...(rowId === undefined ? {} : { id: rowId }),
          })}`
        const good = yield* Ids.uuidV7
        yield* sql.withTransaction(
          Effect.all([
            put({ agent: "refund", prioritty: 1 }, "default"),
            put({ agent: "refund" }, "nowhere"),
            put({ input: 1 }, "default"),
            put({ agent: "refund", priority: 5000 }, "default"),
            put({ agent: "refund", text: "another" }, "default", id),
            put({ agent: "refund" }, projectId, good),
          ]),
        )
        const ofRow = sql`SELECT 1 FROM runs WHERE run_id = ${good} AND project_id = ${projectId}`
        yield* Effect.repeat(ofRow, {
          until: ({ length }) => length === 1,
          schedule: Schedule.spaced("5 millis"),
        })
        const { refused, waiting } = yield* tables
        strictEqual(waiting, 0)
        deepStrictEqual(
          refused.map(({ code }) => code),
          [
            "InvalidSubmission",
            "ProjectNotFound",
            "InvalidSubmission",
            "InvalidSubmission",
            "SubmissionConflict",
          ],
        )
        deepStrictEqual(refused[1]!.message, "project: there is no project nowhere")
        deepStrictEqual(refused[2]!.message, "agent: is missing")
      }),
    )

    test(
      "lists, inserts again, deletes and prunes the refused rows of a project alone",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { id: shop } = yield* (yield* Access.Access).createProject("shop")
        const { project, prune } = yield* ControlPlane.ControlPlane
        const own = yield* RefusedRows.RefusedRows
        const ofShop = Context.get(project(shop), RefusedRows.RefusedRows)
        const put = (names: object, submission: object = { agent: "refund", labels: { "?": "x" } }) =>
          sql`INSERT INTO runlease_outbox ${sql.insert({ submission: JSON.stringify(submission), ...names })}`
        const long = { agent: "refund", text: "x".repeat(70_000), oops: 1 }
        const conflict = yield* Ids.uuidV7
        const runs = yield* Runs.Runs
        yield* runs.submit({ agentId: "refund", publicId: conflict })
        yield* sql.withTransaction(
          Effect.all([
            put({ project: "shop" }),
            put({ project: shop }, long),
            put({ project: "nowhere" }),
            put({ id: conflict }, { agent: "refund", text: "another" }),
            put({}),
          ]),
        )
        const settled = (refused: number) =>
          Effect.repeat(tables, {
            until: (all) => all.waiting === 0 && all.refused.length === refused,
            schedule: Schedule.spaced("5 millis"),
          })
        yield* settled(5)

        const first = yield* ofShop.list({ limit: 1 })
        const second = yield* ofShop.list({ limit: 1, cursor: first.next ?? "" })
        deepStrictEqual(
          [...first.items, ...second.items].map((row) => [row.project, row.code, row.submission]),
          [
            [shop, "InvalidSubmission", null],
            ["shop", "InvalidSubmission", { agent: "refund", labels: { "?": "x" } }],
          ],
        )
        strictEqual(second.next, null)
        const [row] = second.items
        assertTrue(Math.abs(row!.createdAt.epochMillis - Date.now()) < 60_000)
        assertTrue(row!.refusedAt.epochMillis >= row!.createdAt.epochMillis)
        strictEqual((yield* own.list()).items.length, 2)

        // Rows of another project are not there.
        deepStrictEqual([yield* own.retry([row!.id]), yield* own.discard([row!.id])], [0, 0])
        // What is in the way of it is still there, so the row comes back with the reason.
        strictEqual(yield* own.retry([conflict, "nothing"]), 1)
        yield* settled(5)
        deepStrictEqual((yield* own.list()).items[0]!.id, conflict)
        strictEqual(yield* own.discard("all"), 2)
        strictEqual(yield* ofShop.retry("all"), 2)
        yield* settled(3)

        yield* prune({ projectId: shop, olderThan: "1 hour" })
        yield* settled(3)
        yield* prune({ projectId: shop, olderThan: 0 })
        yield* settled(0)
      }),
    )

    test(
      "checks a payload before it inserts, and needs no agent for a name",
      Effect.gen(function* () {
        const wrong = yield* Effect.flip(Outbox.submit(Refund, { euros: "five" as never }))
        strictEqual(wrong._tag, "InvalidSubmission")
        const id = yield* Ids.uuidV7
        strictEqual(yield* Outbox.submit("other", [1, 2], { id, priority: 7 }), id)
        const run = yield* made(id)
        deepStrictEqual([run.agentId, run.priority], ["other", 7])
        // A row that is inserted again is the same run.
        yield* Outbox.submit("other", [1, 2], { id, priority: 7 })
        yield* Effect.repeat(tables, {
          until: ({ waiting }) => waiting === 0,
          schedule: Schedule.spaced("5 millis"),
        })
        deepStrictEqual((yield* tables).refused, [])
      }),
    )

    test(
      "has runs in the trace of their rows",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const traceId = "0af7651916cd43dd8448eb211c80319c"
        const [row] = yield* sql<{ readonly id: string }>`INSERT INTO runlease_outbox (submission, trace)
          VALUES (${JSON.stringify({ agent: "traced" })}, ${`00-${traceId}-b7ad6b7169203331-01`})
          RETURNING CAST(id AS TEXT) AS id`
        const { runId } = yield* made(row!.id)
        const { traceContext } = yield* (yield* Runs.Runs).snapshot(runId)
        strictEqual(traceContext?.traceId, traceId)
      }),
    )
  })
}

describe("runlease_submit on PostgreSQL", () => {
  it.scopedLive("submits at the commit, for every language", () =>
    Effect.gen(function* () {
      const { client, controlPlane } = yield* Databases.postgres
      const ports = yield* Layer.build(controlPlane)
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [row] = yield* sql<{ readonly id: string }>`
          SELECT runlease_submit('refund', '{"euros": 5}', '{"priority": 3, "labels": {"a": "b"}}') AS id`
        const run = yield* made(row!.id)
        deepStrictEqual([run.priority, run.labels], [3, { a: "b" }])
        deepStrictEqual((yield* (yield* Runs.Runs).snapshot(run.runId)).input, { euros: 5 })
      }).pipe(Effect.provide(client), Effect.provide(ports))
    }),
  )
})
