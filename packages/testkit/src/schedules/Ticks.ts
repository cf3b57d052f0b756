/** Schedules suite: one run for each tick, also while the one before works, and after a time in which no server was there. */
import { effect } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofName } from "@runlease/core/Limits"
import { Runs } from "@runlease/core/Runs"
import { scheduleOf } from "@runlease/core/Schedule"
import { type NewSchedule, Schedules } from "@runlease/core/Schedules"
import { DateTime, Effect, type Layer } from "effect"
import * as JumpClock from "../JumpClock.js"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const { create, get, minute, pass, passTick, statusesOf, ticksOf } = TestSchedules

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
      yield* define(ofName("crm", { agentIds: ["agent"], keyFrom: "labels.customer" }), {
        maxRunning: 1,
        maxPending: 0,
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

/** Claims the first run of a schedule, and lets its lease last. */
const holdFirst = (id: Parameters<typeof get>[0]) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    yield* passTick(id, 1)
    return yield* TestRuns.claimOne(worker, { leaseDuration: "5 minutes" })
  })

const minuteMillis = 60_000

export const declareMissed = (layer: Layer.Layer<StorePorts, unknown>): void => {
  /** The schedule and its ticks, after this many minutes without a server and until it is up to date. */
  const after = (minutes: number, fields: Partial<NewSchedule>) =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      return yield* Effect.gen(function* () {
        const { id } = yield* TestSchedules.create(fields)
        yield* TestRuns.settle
        yield* clock.jump(minutes * minuteMillis + 1000)
        const upToDate = (): Effect.Effect<void, unknown, StorePorts> =>
          Effect.gen(function* () {
            yield* TestRuns.settle
            const { nextNominal } = yield* TestSchedules.get(id)
            if (nextNominal !== null && nextNominal.epochMillis > minutes * minuteMillis) return
            yield* clock.jump(10)
            yield* upToDate()
          })
        yield* upToDate()
        const { skipped } = yield* TestSchedules.get(id)
        return { ticks: yield* TestSchedules.ticksOf(id), missed: skipped.missed }
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    })

  effect("missed ticks are skipped and counted, and a tick that is late by less than a minute runs", () =>
    Effect.gen(function* () {
      const { missed, ticks } = yield* after(10, {})
      deepStrictEqual(ticks, [TestSchedules.minute(10)])
      strictEqual(missed, 9)
    }),
  )

  effect("once runs the last of the missed ticks", () =>
    Effect.gen(function* () {
      const { missed, ticks } = yield* after(310, { schedule: "every 1h", missed: "once" })
      deepStrictEqual(ticks, [TestSchedules.minute(300)])
      strictEqual(missed, 4)
    }),
  )

  effect("all runs every missed tick, the newest 1,000 at most", () =>
    Effect.gen(function* () {
      const { missed, ticks } = yield* after(1300, { schedule: "every 1m", missed: "all" })
      strictEqual(new Set(ticks).size, ticks.length)
      // The last tick is late and not missed.
      deepStrictEqual({ missed, ran: ticks.length }, { missed: 299, ran: 1001 })
    }),
  )
}
