/**
 * The schedules that a source declares.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { type ApplySchedules, layerApply, Schedules } from "@runlease/core/Schedules"
import { Effect, Layer } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, everyMinute, get, pass } = TestSchedules

const apply = (source: string, keys: ReadonlyArray<string>, options: Partial<ApplySchedules> = {}) =>
  Effect.flatMap(Schedules, (schedules) =>
    schedules.apply({
      source,
      schedules: keys.map((key) => ({ ...everyMinute({ schedule: "0 9 * * *" }), key, name: key })),
      ...options,
    }),
  )

const actionsOf = (applied: Effect.Effect.Success<ReturnType<typeof apply>>) =>
  applied.map(({ action, key }) => `${key} ${action}`)

const keysOf = (source: string) =>
  Effect.gen(function* () {
    const { items } = yield* (yield* Schedules).list({ source })
    return items.map(({ sourceTriggerId }) => sourceTriggerId).toSorted()
  })

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "an unchanged declaration writes nothing",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      deepStrictEqual(actionsOf(yield* apply("deploy", ["a", "b"])), ["a created", "b created"])
      const before = yield* schedules.list({ source: "deploy" })
      yield* pass("1 second")
      deepStrictEqual(actionsOf(yield* apply("deploy", ["a", "b"])), ["a unchanged", "b unchanged"])
      deepStrictEqual(yield* schedules.list({ source: "deploy" }), before)
      strictEqual(before.items[0]?.definitionSource, "source")
    }),
  )

  test(
    "a Layer of a worker declares its schedules when it is built, and nothing new the next time",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const declared = [{ ...everyMinute({ schedule: "0 2 * * *" }), key: "nightly" }]
      const start = Effect.scoped(Layer.build(layerApply("worker", declared)))
      yield* start
      const before = yield* schedules.list({ source: "worker" })
      strictEqual(before.items.length, 1)
      yield* start
      deepStrictEqual(yield* schedules.list({ source: "worker" }), before)
    }),
  )

  test(
    "a changed declaration is updated, and stays paused",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const [made] = yield* apply("deploy", ["a"])
      const id = made!.scheduleId!
      yield* schedules.pause(id)
      const changed = [{ ...everyMinute({ schedule: "30 9 * * *" }), key: "a" }]
      deepStrictEqual(actionsOf(yield* apply("deploy", [], { schedules: changed })), ["a updated"])
      const after = yield* get(id)
      strictEqual(after.schedule, "30 9 * * *")
      strictEqual(after.status, "paused")
      strictEqual(after.nextAt, null)
    }),
  )

  test(
    "prune removes what this source has declared before, and nothing else",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const manual = yield* create()
      yield* apply("deploy", ["a", "b"])
      yield* apply("other", ["b"])
      deepStrictEqual(actionsOf(yield* apply("deploy", ["a"])), ["a unchanged"])
      deepStrictEqual(yield* keysOf("deploy"), ["a", "b"])
      deepStrictEqual(actionsOf(yield* apply("deploy", ["a"], { prune: true })), ["a unchanged", "b removed"])
      deepStrictEqual(yield* keysOf("deploy"), ["a"])
      deepStrictEqual(yield* keysOf("other"), ["b"])
      strictEqual((yield* schedules.get(manual.id)).name, manual.name)
    }),
  )

  test(
    "a dry run answers the same and writes nothing",
    Effect.gen(function* () {
      yield* apply("deploy", ["a", "b"])
      const options = { prune: true, dryRun: true }
      deepStrictEqual(actionsOf(yield* apply("deploy", ["b", "c"], options)), [
        "b unchanged",
        "c created",
        "a removed",
      ])
      deepStrictEqual(yield* keysOf("deploy"), ["a", "b"])
    }),
  )

  test(
    "one wrong declaration refuses all of them, and is named",
    Effect.gen(function* () {
      const wrong = [
        { ...everyMinute(), key: "a" },
        { ...everyMinute({ timezone: "Mars/Base" }), key: "b" },
      ]
      const error = yield* Effect.flip(apply("deploy", [], { schedules: wrong }))
      strictEqual(error._tag === "InvalidSchedule" && error.field, "schedules.1.timezone")
      deepStrictEqual(yield* keysOf("deploy"), [])
    }),
  )

  test(
    "a schedule of a source is changed there alone, and can be paused and run",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const [made] = yield* apply("deploy", ["a"])
      const id = made!.scheduleId!
      strictEqual(yield* TestRuns.verdictOf(schedules.update(id, { name: "b" })), "ScheduleOfSource")
      strictEqual(yield* TestRuns.verdictOf(schedules.remove(id)), "ScheduleOfSource")
      strictEqual((yield* schedules.pause(id)).status, "paused")
      strictEqual((yield* schedules.runNow(id)).duplicate, false)
    }),
  )
}
