/**
 * Schedules that have had no success for too long.
 */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Runs } from "@runlease/core/Runs"
import { Schedules } from "@runlease/core/Schedules"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, pass } = TestSchedules

const stale = Effect.gen(function* () {
  const { items } = yield* (yield* Schedules).list({ stale: true })
  return items.map(({ name }) => name).toSorted()
})

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a schedule is stale once it has had no success for long enough, also before its first tick, until a run succeeds",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const health = { maxStalenessSeconds: 100 }
      const { id } = yield* create({ name: "hourly", schedule: "0 * * * *", health })
      const paused = yield* create({ name: "paused", schedule: "0 * * * *", health })
      yield* create({ name: "without", schedule: "0 * * * *" })
      yield* create({ name: "patient", schedule: "0 * * * *", health: { maxStalenessSeconds: 100_000 } })
      yield* pass("80 seconds")
      deepStrictEqual(yield* stale, [])
      yield* pass("40 seconds")
      deepStrictEqual(yield* stale, ["hourly", "paused"])
      yield* schedules.pause(paused.id)
      deepStrictEqual(yield* stale, ["hourly"])

      const { run } = yield* schedules.runNow(id)
      deepStrictEqual(yield* stale, ["hourly"])
      yield* (yield* Runs).complete(run.runId, { status: "completed" })
      deepStrictEqual(yield* stale, [])
      // It is stale again when that success is long ago.
      yield* TestRuns.eventually(stale, (names) => names.includes("hourly"), {
        step: "1 minute",
        within: "2 hours",
      })
    }),
  )

  test(
    "a schedule whose runs succeed is not stale, however seldom it ticks",
    Effect.gen(function* () {
      const { id } = yield* create({ name: "minutes", health: { maxStalenessSeconds: 90 } })
      for (const index of [1, 2, 3]) {
        yield* TestSchedules.passTick(id, index)
        yield* (yield* Runs).complete(TestSchedules.runId(id, index), { status: "completed" })
        deepStrictEqual(yield* stale, [])
      }
    }),
  )
}
