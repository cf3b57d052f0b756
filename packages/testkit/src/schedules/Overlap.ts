/**
 * A tick while the last run of its schedule has not ended.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Schedules } from "@runlease/core/Schedules"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, get, minute, passTick, statusesOf, ticksOf } = TestSchedules

/** Claims the first run of a schedule, and lets its lease last. */
const holdFirst = (id: Parameters<typeof get>[0]) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    yield* passTick(id, 1)
    return yield* TestRuns.claimOne(worker, { leaseDuration: "5 minutes" })
  })

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "Forbid skips the tick, also while the run waits, and counts it",
    Effect.gen(function* () {
      const leases = yield* Leases
      const schedule = yield* create({ concurrencyPolicy: "Forbid" })
      const claimed = yield* holdFirst(schedule.id)
      yield* passTick(schedule.id, 2)
      yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
      yield* passTick(schedule.id, 3)
      deepStrictEqual(yield* ticksOf(schedule.id), [minute(1)])
      strictEqual((yield* get(schedule.id)).skipped.overlap, 2)
      yield* (yield* Runs).cancel(claimed.runId)
      yield* passTick(schedule.id, 4)
      deepStrictEqual(yield* ticksOf(schedule.id), [minute(1), minute(4)])
    }),
  )

  test(
    "Allow begins a run while the last one works",
    Effect.gen(function* () {
      const schedule = yield* create()
      const first = yield* holdFirst(schedule.id)
      yield* passTick(schedule.id, 2)
      const second = yield* TestRuns.claimOne(yield* TestRuns.register("other"))
      strictEqual(second.runId, TestSchedules.runId(schedule.id, 2))
      strictEqual((yield* TestRuns.getRun(first.runId)).status, "running")
    }),
  )

  test(
    "Replace cancels the last run, and the new one goes",
    Effect.gen(function* () {
      const schedule = yield* create({ concurrencyPolicy: "Replace" })
      const first = yield* holdFirst(schedule.id)
      yield* passTick(schedule.id, 2)
      strictEqual((yield* TestRuns.getRun(first.runId)).status, "cancelled")
      const second = yield* TestRuns.claimOne(yield* TestRuns.register("other"))
      strictEqual(second.runId, TestSchedules.runId(schedule.id, 2))
    }),
  )

  test(
    "Queue lets one run wait, the newest",
    Effect.gen(function* () {
      const schedule = yield* create({ concurrencyPolicy: "Queue" })
      const first = yield* holdFirst(schedule.id)
      yield* passTick(schedule.id, 3)
      deepStrictEqual(yield* statusesOf(schedule.id), ["running", "cancelled", "pending"])
      const other = yield* TestRuns.register("other")
      deepStrictEqual(yield* TestRuns.claim(other), [])
      yield* TestRuns.complete(first)
      strictEqual((yield* TestRuns.claimOne(other)).runId, TestSchedules.runId(schedule.id, 3))
    }),
  )

  test(
    "a run that is begun now waits for the runs of the schedule, and has one run by its key",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const schedule = yield* create({ concurrencyPolicy: "Forbid" })
      const first = yield* schedules.runNow(schedule.id, { idempotencyKey: "a" })
      const again = yield* schedules.runNow(schedule.id, { idempotencyKey: "a" })
      strictEqual(again.run.runId, first.run.runId)
      strictEqual(again.duplicate, true)
      const second = yield* schedules.runNow(schedule.id)
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.claimOne(worker)
      strictEqual(claimed.runId, first.run.runId)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestRuns.complete(claimed)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, second.run.runId)
    }),
  )

  test(
    "the ends of runs are shown at once, and a number of failures in a row pauses the schedule",
    Effect.gen(function* () {
      const runs = yield* Runs
      const schedule = yield* create({ pauseAfterFailures: 2 })
      const end = (index: number, status: "completed" | "failed") =>
        runs.complete(TestSchedules.runId(schedule.id, index), {
          status,
          ...(status === "failed" ? { error: { code: "broken", message: "It broke" } } : {}),
        })
      yield* passTick(schedule.id, 1)
      yield* end(1, "completed")
      strictEqual((yield* get(schedule.id)).lastSuccessfulAt === null, false)
      yield* passTick(schedule.id, 2)
      yield* end(2, "failed")
      yield* passTick(schedule.id, 3)
      yield* end(3, "failed")
      yield* passTick(schedule.id, 4)
      const after = yield* get(schedule.id)
      strictEqual(after.status, "paused")
      strictEqual(after.pausedReason, "failures")
      strictEqual(after.lastFailureCode, "broken")
      strictEqual(after.lastFailureRunId, TestSchedules.runId(schedule.id, 3))
      deepStrictEqual(yield* statusesOf(schedule.id), ["completed", "failed", "failed"])
    }),
  )
}
