/** Schedules suite: changes of schedules, declarations of all of a source, and their health. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Runs } from "@runlease/core/Runs"
import { type ApplySchedules, layerApply, type NewSchedule, Schedules } from "@runlease/core/Schedules"
import { DateTime, Effect, Layer } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, everyMinute, get, minute, pass, passTick, ticksOf } = TestSchedules

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

const stale = Effect.gen(function* () {
  const { items } = yield* (yield* Schedules).list({ stale: true })
  return items.map(({ name }) => name).toSorted()
})
