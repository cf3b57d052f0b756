import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { BulkOperations, Runs } from "@runlease/core"
import { Effect, Either, Option, Schedule, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as readline from "node:readline"
import { fileURLToPath } from "node:url"
import { type Database, execute, postgres, sqlite } from "./Databases.js"

const bulker = fileURLToPath(new URL("fixtures/bulker.ts", import.meta.url))

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

/** A process that cancels the runs, until it reports that so many are done; then it is killed. */
const cancelUntil = (at: string, least: number) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--import", "tsx", bulker, at], { stdio: ["ignore", "pipe", "inherit"] }),
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
        yield* cancelUntil(made.at, count * 0.4)
        const [ends] = yield* ask(made, numberOfEnds)
        assertTrue(ends! >= count * 0.4 && ends! < count, `${ends} were cancelled`)

        const ended = yield* Effect.gen(function* () {
          const bulks = yield* BulkOperations.BulkOperations
          const { items } = yield* bulks.list()
          strictEqual(items.length, 1)
          return yield* Effect.repeat(bulks.get(items[0]!.id), {
            schedule: Schedule.spaced("20 millis").pipe(Schedule.zipRight(Schedule.identity())),
            until: ({ status }) => status !== "running",
          })
        }).pipe(Effect.provide(made.controlPlane))

        strictEqual(ended.status, "completed")
        const { done, failed, matched, skipped } = ended
        deepStrictEqual(
          { done, failed, matched, skipped },
          { done: count, failed: 0, matched: count, skipped: 0 },
        )
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
  })
}
