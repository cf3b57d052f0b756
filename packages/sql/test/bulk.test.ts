import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { BulkOperations, Runs } from "@runlease/core"
import { Effect, Either, Option, Schedule, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as readline from "node:readline"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { type Database, execute, postgres, sqlite } from "./Databases.js"
import { paidAndFailed } from "./PaidRuns.js"

const bulker = new URL("fixtures/bulker.ts", import.meta.url)

const count = 4000

/** The numbers that a statement gives, on a connection of its own. */
const ask = (database: Database, statement: string) =>
  Effect.map(execute<{ readonly number: number }>(database, statement), ([rows = []]) =>
    rows.map(({ number }) => Number(number)),
  )

const submit = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  for (let submitted = 0; submitted < count; submitted += 500) {
    const verdicts = yield* runs.submitMany(Array.from({ length: 500 }, () => ({ agentId: "agent" })))
    assertTrue(verdicts.every(Either.isRight))
  }
})

/** A process that does an operation, until it reports that so many runs are done; then it is killed. */
const workUntil = (at: string, bulk: BulkOperations.NewBulk, least: number) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.map(
        Effect.promise(() => Bundle.fixture(bulker)),
        (program) =>
          spawn(process.execPath, [program, at, JSON.stringify(bulk)], {
            stdio: ["ignore", "pipe", "inherit"],
          }),
      ),
      (process) => Effect.sync(() => process.kill("SIGKILL")),
    )
    const exited = once(child, "exit")
    const reached = yield* Stream.fromAsyncIterable(readline.createInterface(child.stdout), String).pipe(
      Stream.find((line) => Number(line) >= least),
      Stream.runHead,
    )
    child.kill("SIGKILL")
    yield* Effect.promise(() => exited)
    assertTrue(Option.isSome(reached))
  })

/** The only operation, whose rest another server does, at its end: it has done so many runs, and no other one. */
const untilDone = ({ controlPlane }: Database, all: number) =>
  Effect.gen(function* () {
    const bulks = yield* BulkOperations.BulkOperations
    const { items } = yield* bulks.list()
    strictEqual(items.length, 1)
    const { done, failed, matched, skipped, status } = yield* Effect.repeat(bulks.get(items[0]!.id), {
      schedule: Schedule.spaced("20 millis").pipe(Schedule.zipRight(Schedule.identity())),
      until: (bulk) => bulk.status !== "running",
    })
    deepStrictEqual(
      { done, failed, matched, skipped, status },
      { done: all, failed: 0, matched: all, skipped: 0, status: "completed" },
    )
  }).pipe(Effect.provide(controlPlane))

const numberOfEnds = "SELECT COUNT(*) AS number FROM outcomes WHERE status = 'cancelled'"

for (const [name, database] of [
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
] as const) {
  describe(`a server that is killed in the middle of a bulk operation (${name})`, () => {
    it.scopedLive("loses nothing of it: the next one cancels each run that is left, once", () =>
      Effect.gen(function* () {
        const made = yield* database
        yield* Effect.provide(submit, made.controlPlane)
        yield* workUntil(made.at, { action: "cancel", filter: { status: "pending" } }, count * 0.4)
        const [ends] = yield* ask(made, numberOfEnds)
        assertTrue(ends! >= count * 0.4 && ends! < count, `${ends} were cancelled`)

        yield* untilDone(made, count)
        deepStrictEqual(yield* ask(made, numberOfEnds), [count])
        deepStrictEqual(yield* ask(made, "SELECT COUNT(*) AS number FROM queue"), [0])
        // The log of each run ends once.
        const endings = "SELECT run_pk FROM events WHERE payload LIKE '%RUN_FINISHED%'"
        deepStrictEqual(yield* ask(made, `SELECT COUNT(*) AS number FROM (${endings}) all_ends`), [count])
        deepStrictEqual(
          yield* ask(made, `SELECT COUNT(DISTINCT run_pk) AS number FROM (${endings}) each_end`),
          [count],
        )
      }),
    )

    it.scopedLive("submits each failed run again once, with what it had recorded", () =>
      Effect.gen(function* () {
        const all = 500
        const made = yield* database
        yield* Effect.provide(paidAndFailed(all), made.controlPlane)
        yield* workUntil(made.at, { action: "retry", filter: { status: "failed" } }, all * 0.2)
        const [before] = yield* ask(made, "SELECT COUNT(*) AS number FROM runs")
        assertTrue(before! < 2 * all, `${before} runs were there when the server was killed`)
        yield* untilDone(made, all)
        const records = "SELECT COUNT(*) AS number FROM events WHERE payload LIKE '%runlease.step%'"
        deepStrictEqual(yield* ask(made, "SELECT COUNT(*) AS number FROM runs"), [2 * all])
        deepStrictEqual(yield* ask(made, "SELECT COUNT(DISTINCT parent_run_id) AS number FROM runs"), [all])
        deepStrictEqual(yield* ask(made, records), [2 * all])
      }),
    )
  })
}
