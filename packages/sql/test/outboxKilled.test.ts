import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Context, Effect, Layer, Ref, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import * as Searches from "../../testkit/test/Searches.js"
import { Outbox } from "../src/index.js"
import { postgres, sqlite } from "./Databases.js"

const server = new URL("fixtures/server.ts", import.meta.url)

const rows = Searches.current.extent === "all" ? 10_000 : 3_000

/** How many rows a transaction inserts. */
const each = 20

/** Starts a server, which the Scope kills, and waits until it is open. */
const start = (at: string) =>
  Effect.acquireRelease(
    Effect.map(
      Effect.promise(() => Bundle.fixture(server)),
      (program) => spawn(process.execPath, [program, at], { stdio: ["ignore", "pipe", "inherit"] }),
    ),
    (child) =>
      Effect.promise(() => {
        const ended = once(child, "exit")
        child.kill("SIGKILL")
        return ended
      }),
  ).pipe(Effect.tap((child) => Effect.promise(() => once(child.stdout, "data"))))

for (const [name, database, servers] of [
  ["SQLite", sqlite, 1],
  ["PostgreSQL", postgres, 2],
] as const) {
  describe(`servers that are killed while they take rows of the outbox (${name})`, () => {
    it.scopedLive("make one run of each row that was committed, and none of another", () =>
      Effect.gen(function* () {
        const { at, client } = yield* database
        // A look waits for no transaction of this process.
        const looks = yield* Effect.map(Layer.build(client), Context.get(SqlClient.SqlClient))
        // Its tables.
        yield* Effect.scoped(start(at))
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const committed = yield* Ref.make<ReadonlyArray<string>>([])
          const insert = (part: number) =>
            Effect.forEach(Array.from({ length: each }), () => Outbox.submit("agent", part)).pipe(
              Effect.tap(() => (part % 3 === 0 ? Effect.fail("rolled back" as const) : Effect.void)),
              sql.withTransaction,
              // Another process writes to the file.
              Effect.retry({
                while: (error) => error !== "rolled back" && error._tag === "SqlError",
                schedule: Schedule.spaced("1 millis"),
              }),
              Effect.flatMap((ids) => Ref.update(committed, (all) => [...all, ...ids])),
              Effect.catchAll((error) => (error === "rolled back" ? Effect.void : Effect.die(error))),
              Effect.zipLeft(Effect.yieldNow()),
            )
          const waiting = Effect.map(looks`SELECT 1 FROM runlease_outbox LIMIT 1`, ({ length }) => length)
          const made = Effect.map(looks`SELECT run_pk FROM runs`, ({ length }) => length)
          const inserting = yield* Effect.fork(
            Effect.forEach(
              Array.from({ length: rows / each }, (_, part) => part),
              insert,
            ),
          )
          const looking = Schedule.spaced("2 millis").pipe(Schedule.zipRight(Schedule.identity<boolean>()))
          /** Servers that die as soon as they have made a run, so in one of their next commits. */
          const killed = Effect.scoped(
            Effect.gen(function* () {
              const before = yield* made
              yield* Effect.replicateEffect(start(at), servers, { concurrency: "unbounded" })
              const isOver = Effect.zipWith(made, waiting, (now, some) => now > before || some === 0)
              yield* Effect.repeat(isOver, { schedule: looking, until: (over) => over })
            }),
          )
          let kills = 0
          yield* Effect.repeat(
            Effect.tap(killed, () => Effect.sync(() => (kills += 1))),
            { until: () => Effect.map(waiting, (some) => some === 0 && inserting.unsafePoll() !== null) },
          )
          yield* inserting
          assertTrue(kills > 1, `${kills} kills`)
          const runs = yield* sql<{ readonly id: string }>`SELECT run_id AS id FROM runs`
          deepStrictEqual(runs.map(({ id }) => id).sort(), [...(yield* Ref.get(committed))].sort())
          strictEqual((yield* sql`SELECT 1 FROM runlease_outbox_refused`).length, 0)
        }).pipe(Effect.provide(client))
      }),
    )
  })
}
