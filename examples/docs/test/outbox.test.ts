import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { describe, expect, it } from "@effect/vitest"
import { Ids, Runs } from "@runlease/core"
import { PostgresPool, SqlControlPlane } from "@runlease/sql"
import { drizzle } from "drizzle-orm/node-postgres"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { Kysely, PostgresDialect } from "kysely"
import * as Pg from "pg"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/outbox.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

const folder = await Code.write("outbox", files)

/** Cancels an order over a pool, by what a file of the page exports. */
const cancelBy: Readonly<Record<string, (pool: Pg.Pool, url: string, order: string) => Promise<string>>> = {
  "orders.ts": async (_, url, order) => {
    const { cancel } = await import(`${folder}orders.ts`)
    const client = PostgresPool.layerWith({ url: Redacted.make(url) })
    return Effect.runPromise(Effect.provide(cancel(order), client))
  },
  "drizzle.ts": async (pool, _, order) => (await import(`${folder}drizzle.ts`)).cancel(drizzle(pool), order),
  "kysely.ts": async (pool, _, order) => {
    const { cancel } = await import(`${folder}kysely.ts`)
    return cancel(new Kysely({ dialect: new PostgresDialect({ pool }) }), order)
  },
  "driver.ts": async (pool, _, order) => (await import(`${folder}driver.ts`)).cancel(pool, order),
}

describe("the page about submission in a transaction", () => {
  it("has code that compiles", async () => {
    expect(Object.keys(files)).toEqual(Object.keys(cancelBy))
    expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
  })

  for (const [name, cancel] of Object.entries(cancelBy)) {
    it.scopedLive(`submits what ${name} commits, and nothing of what rolls back`, () =>
      Effect.gen(function* () {
        const url = yield* TestDatabase.make()
        const plane = SqlControlPlane.layerPostgres({ url: Redacted.make(url) })
        const ports = yield* Layer.build(plane)
        const pool = yield* Effect.acquireRelease(
          Effect.sync(() => new Pg.Pool({ connectionString: url })),
          (opened) => Effect.promise(() => opened.end()),
        )
        // What is shipped is not cancelled, which the transaction learns after its row of the outbox.
        yield* Effect.promise(() =>
          pool.query(`
            CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT NOT NULL, refund_run UUID,
              CHECK (id <> 'shipped' OR status <> 'cancelled'));
            INSERT INTO orders VALUES ('7', 'open'), ('shipped', 'shipped')`),
        )
        const failed = yield* Effect.flip(Effect.tryPromise(() => cancel(pool, url, "shipped")))
        expect(String(failed.cause)).toMatch(/check|Failed query|Failed to execute/i)
        const id = Ids.RunId.make(yield* Effect.promise(() => cancel(pool, url, "7")))
        yield* Effect.gen(function* () {
          const runs = yield* Runs.Runs
          const run = yield* Effect.retry(runs.get(id), {
            while: ({ _tag }) => _tag === "RunNotFound",
            schedule: Schedule.spaced("5 millis"),
          })
          expect([run.agentId, run.labels]).toEqual(["refund", { order: "7" }])
          expect((yield* runs.snapshot(id)).input).toEqual({ order: "7" })
          expect((yield* runs.list()).items).toHaveLength(1)
        }).pipe(Effect.provide(ports))
        const { rows } = yield* Effect.promise(() => pool.query("SELECT * FROM orders ORDER BY id"))
        expect(rows).toEqual([
          { id: "7", status: "cancelled", refund_run: id },
          { id: "shipped", status: "shipped", refund_run: null },
        ])
      }),
    )
  }
})
