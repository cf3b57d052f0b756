/**
 * Ticks: their times, their runs, and what the runs get.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Limits } from "@runlease/core/Limits"
import { Runs } from "@runlease/core/Runs"
import { scheduleOf } from "@runlease/core/Schedule"
import { Schedules } from "@runlease/core/Schedules"
import { DateTime, Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, get, minute, pass, passTick, ticksOf } = TestSchedules

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "each tick begins one run, whose public id is made of the schedule and the time",
    Effect.gen(function* () {
      const schedule = yield* create()
      strictEqual(schedule.status, "active")
      strictEqual(DateTime.toEpochMillis(schedule.nextNominal!), 60_000)
      yield* passTick(schedule.id, 2)
      deepStrictEqual(yield* ticksOf(schedule.id), [minute(1), minute(2)])
      const after = yield* get(schedule.id)
      strictEqual(after.runCount, 2)
      strictEqual(after.lastRunId, TestSchedules.runId(schedule.id, 2))
      strictEqual(scheduleOf(after.lastRunId!), schedule.id)
      strictEqual(DateTime.toEpochMillis(after.lastScheduledAt!), 120_000)
      strictEqual(DateTime.toEpochMillis(after.nextNominal!), 180_000)
    }),
  )

  test(
    "a run has the times of its tick as its payload, next to the prompt",
    Effect.gen(function* () {
      const runs = yield* Runs
      const schedule = yield* create({ config: { prompt: "Report" }, backoffLimit: 4, timeoutSeconds: 90 })
      yield* passTick(schedule.id, 2)
      const second = TestSchedules.runId(schedule.id, 2)
      const snapshot = yield* runs.snapshot(second)
      deepStrictEqual(
        snapshot.messages.map(({ parts }) => parts),
        [[{ type: "text", text: "Report" }]],
      )
      deepStrictEqual(snapshot.input, {
        scheduled_at: minute(2),
        nominal_at: minute(2),
        last_at: minute(1),
        backfilled: false,
      })
      const { maxAttempts, timeoutSeconds } = yield* runs.get(second)
      strictEqual(maxAttempts, 5)
      strictEqual(timeoutSeconds, 90)
    }),
  )

  test(
    "a run of a schedule with a payload has that, and the times in its context",
    Effect.gen(function* () {
      const runs = yield* Runs
      const schedule = yield* create({ config: { input: { region: "north" } } })
      yield* passTick(schedule.id, 1)
      const snapshot = yield* runs.snapshot(TestSchedules.runId(schedule.id, 1))
      deepStrictEqual(snapshot.input, { region: "north" })
      const times = { scheduled_at: minute(1), nominal_at: minute(1), last_at: null, backfilled: false }
      deepStrictEqual(snapshot.context, [{ description: "schedule", value: JSON.stringify(times) }])
    }),
  )

  test(
    "a run in a conversation begins with its messages, and one without has its own conversation",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { conversationId } = yield* TestRuns.submit({ agentId: "other" })
      const shared = yield* create({ target: { kind: "agent", id: "agent", conversationId } })
      const own = yield* create()
      yield* passTick(shared.id, 2)
      yield* passTick(own.id, 2)
      const conversations = (id: typeof own.id) =>
        Effect.map(TestSchedules.runsOf(id), (all) => new Set(all.map((run) => run.conversationId)))
      deepStrictEqual([...(yield* conversations(shared.id))], [conversationId])
      strictEqual((yield* conversations(own.id)).size, 2)
      strictEqual((yield* runs.get(TestSchedules.runId(shared.id, 1))).concurrencyKey, conversationId)
    }),
  )

  test(
    "the runs of a schedule have its labels, and go under its limit",
    Effect.gen(function* () {
      const runs = yield* Runs
      const config = { labels: { report: "nightly" }, concurrencyKey: "reports", concurrencyLimit: 2 }
      const first = yield* create({ config })
      const second = yield* create({ config: { ...config, labels: {} } })
      yield* passTick(first.id, 2)
      yield* passTick(second.id, 2)
      const { items } = yield* runs.list({ labels: { report: "nightly" } })
      deepStrictEqual(
        items.map(({ runId }) => runId),
        [2, 1].map((index) => TestSchedules.runId(first.id, index)),
      )
      // Two of the four at once, whatever their schedules.
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.claim(worker, { limit: 10 })
      strictEqual(claimed.length, 2)
      strictEqual((yield* runs.get(claimed[0]!.runId)).concurrencyKey, "reports")
      yield* TestRuns.complete(claimed[0]!)
      strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 1)
    }),
  )

  test(
    "the runs of a schedule are under the limits of their agent, by its labels, and none is refused",
    Effect.gen(function* () {
      const { define } = yield* Limits
      const runs = yield* Runs
      yield* define({
        name: "crm",
        maxRunning: 1,
        maxPending: 0,
        agentIds: ["agent"],
        keyFrom: "labels.customer",
      })
      const policy = { concurrencyPolicy: "Allow" } as const
      const seven = yield* create({ ...policy, config: { labels: { customer: "7" } } })
      const eight = yield* create({ ...policy, config: { labels: { customer: "8" } } })
      yield* passTick(seven.id, 2)
      yield* passTick(eight.id, 2)
      strictEqual((yield* runs.list()).items.length, 4)
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.claim(worker, { limit: 10 })
      deepStrictEqual(
        claimed.map(({ runId }) => runId),
        [seven, eight].map(({ id }) => TestSchedules.runId(id, 1)),
      )
    }),
  )

  test(
    "schedules with one concurrency key and no limit share a lane, and a limit needs a key",
    Effect.gen(function* () {
      const shared = { config: { concurrencyKey: "reports" } }
      const first = yield* create(shared)
      const second = yield* create(shared)
      yield* passTick(first.id, 1)
      yield* passTick(second.id, 1)
      const worker = yield* TestRuns.register()
      const [claimed, ...others] = yield* TestRuns.claim(worker, { limit: 10 })
      strictEqual(others.length, 0)
      yield* TestRuns.complete(claimed!)
      strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 1)
      const config = { concurrencyKey: "reports", concurrencyLimit: 2 }
      for (const wrong of [
        { config: { concurrencyLimit: 2 } },
        { config, concurrencyPolicy: "Queue" },
        { config, concurrencyPolicy: "Replace" },
      ] as const) {
        const error = yield* Effect.flip(create(wrong))
        strictEqual(error._tag === "InvalidSchedule" && error.field, "config.concurrencyLimit")
      }
    }),
  )

  test(
    "the window delays each run of a schedule by as much",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const schedule = yield* create({ windowSeconds: 60 })
      const ticks = yield* schedules.upcoming(schedule.id, 3)
      const delays = ticks.map(({ at, nominalAt }) => DateTime.distance(nominalAt, at))
      strictEqual(new Set(delays).size, 1)
      strictEqual(delays[0]! >= 0 && delays[0]! < 60_000, true)
      deepStrictEqual(
        ticks.map(({ nominalAt }) => DateTime.toEpochMillis(nominalAt)),
        [60_000, 120_000, 180_000],
      )
    }),
  )

  test(
    "a schedule is complete after its last run, and after its end",
    Effect.gen(function* () {
      const few = yield* create({ maxRuns: 2 })
      const short = yield* create({ endsAt: DateTime.unsafeMake(90_000) })
      yield* passTick(few.id, 2)
      yield* passTick(short.id, 1)
      yield* pass("2 minutes")
      for (const [id, count] of [
        [few.id, 2],
        [short.id, 1],
      ] as const) {
        const after = yield* get(id)
        strictEqual(after.runCount, count)
        strictEqual(after.nextAt, null)
        strictEqual(after.completedAt === null, false)
        const renamed = yield* (yield* Schedules).update(id, { name: "Complete" })
        strictEqual(renamed.name, "Complete")
        strictEqual(renamed.nextAt, null)
      }
    }),
  )
}
