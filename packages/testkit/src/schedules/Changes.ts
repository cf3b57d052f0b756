/**
 * Schedules as they are made, changed, paused, filled and removed.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Runs } from "@runlease/core/Runs"
import { type NewSchedule, Schedules } from "@runlease/core/Schedules"
import { DateTime, Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, get, minute, pass, passTick, ticksOf } = TestSchedules
const { verdictOf } = TestRuns

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a wrong field is named, and nothing is made",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const fieldOf = (fields: Partial<NewSchedule>) =>
        Effect.map(Effect.flip(create(fields)), (error) =>
          error._tag === "InvalidSchedule" ? error.field : error._tag,
        )
      strictEqual(yield* fieldOf({ timezone: "Mars/Base" }), "timezone")
      strictEqual(yield* fieldOf({ schedule: "0 0 30 2 *" }), "schedule")
      strictEqual(yield* fieldOf({ schedule: "* * * * * *" }), "schedule")
      strictEqual(yield* fieldOf({ name: "" }), "name")
      strictEqual(yield* fieldOf({ windowSeconds: 4000 }), "windowSeconds")
      strictEqual(yield* fieldOf({ target: { kind: "agent", id: "" } }), "target.id")
      deepStrictEqual((yield* schedules.list()).items, [])
    }),
  )

  test(
    "update changes the definition and its revision, and refuses an older one",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const { id, revision } = yield* create()
      const updated = yield* schedules.update(id, { schedule: "0 * * * *" }, { revision })
      strictEqual(updated.revision, revision + 1)
      strictEqual(DateTime.toEpochMillis(updated.nextNominal!), 3_600_000)
      strictEqual(yield* verdictOf(schedules.update(id, { name: "Late" }, { revision })), "RevisionMismatch")
      const renamed = yield* schedules.update(id, { name: "Hours" })
      deepStrictEqual(renamed.nextAt, updated.nextAt)
      strictEqual((yield* get(id)).name, "Hours")
    }),
  )

  test(
    "update of the time zone alone moves the next tick",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const hourOf = (at: DateTime.Utc | null) => at && DateTime.toPartsUtc(at).hours
      const { id, nextNominal } = yield* create({ schedule: "0 12 * * *" })
      strictEqual(hourOf(nextNominal), 12)
      strictEqual(hourOf((yield* schedules.update(id, { timezone: "Asia/Tokyo" })).nextNominal), 3)
    }),
  )

  test(
    "a paused schedule does not tick, and the ticks of the pause are not missed",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const { id } = yield* create({ missed: "all" })
      const paused = yield* schedules.pause(id, { reason: "holiday" })
      strictEqual(paused.status, "paused")
      strictEqual(paused.pausedReason, "holiday")
      yield* pass("2 minutes")
      deepStrictEqual(yield* ticksOf(id), [])
      const resumed = yield* schedules.resume(id)
      strictEqual(resumed.status, "active")
      yield* passTick(id, 3)
      deepStrictEqual(yield* ticksOf(id), [minute(3)])
      strictEqual((yield* get(id)).skipped.missed, 0)
    }),
  )

  test(
    "a removed schedule is gone, and its runs stay",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const { id } = yield* create()
      yield* passTick(id, 1)
      yield* schedules.remove(id)
      strictEqual(yield* verdictOf(schedules.get(id)), "ScheduleNotFound")
      strictEqual(yield* verdictOf(schedules.runNow(id)), "ScheduleNotFound")
      yield* pass("1 minute")
      deepStrictEqual(yield* ticksOf(id), [minute(1)])
    }),
  )

  test(
    "backfill begins the runs of past ticks that have none, however often it is called",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const { id } = yield* create({ schedule: "every 1m", concurrencyPolicy: "Forbid" })
      yield* passTick(id, 1)
      yield* schedules.pause(id)
      yield* pass("4 minutes")
      const request = { from: DateTime.unsafeMake(60_000), to: DateTime.unsafeMake(240_000) }
      const filled = yield* schedules.backfill(id, request)
      deepStrictEqual(
        filled.ticks.map(({ duplicate }) => duplicate),
        [true, false, false, false],
      )
      strictEqual(filled.more, false)
      const again = yield* schedules.backfill(id, request)
      strictEqual(
        again.ticks.every(({ duplicate }) => duplicate),
        true,
      )
      strictEqual((yield* schedules.backfill(id, { ...request, limit: 2 })).more, true)
      deepStrictEqual(yield* ticksOf(id), [1, 2, 3, 4].map(minute))
      const runs = yield* Runs
      const { input } = yield* runs.snapshot(TestSchedules.runId(id, 3))
      strictEqual((input as { readonly backfilled: boolean }).backfilled, true)
      // They go one after the other.
      const worker = yield* TestRuns.register()
      strictEqual((yield* TestRuns.claim(worker, { limit: 4 })).length, 1)
    }),
  )

  test(
    "list has the newest first, by status and by page",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const made = [yield* create({ name: "a" }), yield* create({ name: "b" }), yield* create({ name: "c" })]
      yield* schedules.pause(made[1]!.id)
      const names = (page: Effect.Effect.Success<ReturnType<typeof schedules.list>>) =>
        page.items.map(({ name }) => name)
      const first = yield* schedules.list({ limit: 2 })
      deepStrictEqual(names(first), ["c", "b"])
      deepStrictEqual(names(yield* schedules.list({ limit: 2, cursor: first.next! })), ["a"])
      deepStrictEqual(names(yield* schedules.list({ status: "paused" })), ["b"])
    }),
  )
}
