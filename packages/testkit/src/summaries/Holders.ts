/** Summaries suite: who holds runs, and what needs somebody. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { DateTime, type Duration, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { submit } from "./Listed.js"

const hold = (worker: Ids.WorkerId, title: string, leaseDuration: Duration.DurationInput) =>
  Effect.zipRight(submit(title), TestRuns.claimOne(worker, { leaseDuration }))

const titlesOf = (worker: Ids.WorkerId) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.held(worker), (runs) => runs.map(({ title }) => title)),
  )

const waits = (limit?: number) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.attention({ limit }), ({ waits: runs }) => runs.map(({ title }) => title)),
  )

const oldest = Effect.flatMap(Summaries, (summaries) =>
  Effect.map(summaries.attention(), ({ oldestPending }) => oldestPending?.title),
)

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "the runs that a worker holds are listed, those first whose lease ends first",
    Effect.gen(function* () {
      const leases = yield* Leases
      const one = yield* TestRuns.register("one")
      const two = yield* TestRuns.register("two")
      yield* hold(one, "long", "2 minutes")
      yield* hold(one, "short", "10 seconds")
      const middle = yield* hold(one, "middle", "1 minute")
      yield* hold(two, "other", "1 minute")
      deepStrictEqual(yield* titlesOf(one), ["short", "middle", "long"])
      deepStrictEqual(yield* titlesOf(two), ["other"])
      deepStrictEqual(yield* titlesOf(Ids.WorkerId.make("00000000-0000-7000-8000-000000000000")), [])
      yield* leases.release(TestRuns.leaseOf(middle), { delay: "1 hour" })
      yield* TestClock.adjust("10 seconds")
      deepStrictEqual(yield* titlesOf(one), ["long"])
    }),
  )

  test(
    "workers are listed with the ends and the renewals of their leases",
    Effect.gen(function* () {
      const registry = yield* WorkerRegistry
      const summaries = yield* Summaries
      const leases = yield* Leases
      const busy = yield* TestRuns.register("busy")
      const idle = yield* TestRuns.register("idle")
      const claimed = yield* hold(busy, "long", "2 minutes")
      yield* TestClock.adjust("5 seconds")
      yield* hold(busy, "short", "30 seconds")
      yield* registry.heartbeat(idle)
      yield* TestClock.adjust("5 seconds")
      yield* registry.heartbeat(busy)
      const lease = TestRuns.leaseOf(claimed)
      yield* leases.renew({ workerId: busy, leases: [lease], leaseDuration: "2 minutes" })
      const { items, next } = yield* summaries.workers()
      strictEqual(next, null)
      deepStrictEqual(
        items.map(({ worker }) => worker),
        (yield* registry.list()).items,
      )
      deepStrictEqual(
        items.map(({ lost, nextExpiry, renewedAt, worker }) => [
          worker.id,
          nextExpiry,
          renewedAt,
          lost,
          worker.inFlight,
        ]),
        [
          [busy, DateTime.unsafeMake(35_000), DateTime.unsafeMake(10_000), 0, 2],
          [idle, null, null, 0, 0],
        ],
      )
      const first = yield* summaries.workers({ limit: 1 })
      const second = yield* summaries.workers({ limit: 1, cursor: first.next! })
      deepStrictEqual(
        [...first.items, ...second.items].map(({ worker }) => worker.id),
        [busy, idle],
      )
      strictEqual(yield* TestRuns.verdictOf(summaries.workers({ cursor: "none" })), "InvalidCursor")
    }),
  )

  test(
    "the runs that wait for answers are listed, those first that fail first without one",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const suspendFor = (title: string, expiresAfter?: Duration.DurationInput) =>
        Effect.gen(function* () {
          const claimed = yield* hold(worker, title, "1 minute")
          yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall("call", "ask", expiresAfter))
          return claimed
        })
      yield* suspendFor("for ever")
      yield* suspendFor("later", "2 hours")
      const sooner = yield* suspendFor("sooner", "1 hour")
      yield* suspendFor("for ever too")
      const sleeper = yield* hold(worker, "sleeps", "1 minute")
      yield* leases.suspend(TestRuns.leaseOf(sleeper), { wakeAfter: "1 second" })
      deepStrictEqual(yield* waits(), ["sooner", "later", "for ever", "for ever too"])
      deepStrictEqual(yield* waits(3), ["sooner", "later", "for ever"])
      deepStrictEqual(yield* waits(0), ["sooner"])
      yield* runs.resume(sooner.runId, TestRuns.resultOf("call", 1))
      deepStrictEqual(yield* waits(), ["later", "for ever", "for ever too"])
    }),
  )

  test(
    "the oldest run that a worker may claim is found, behind those that none may",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      strictEqual(yield* oldest, undefined)
      const first = yield* submit("first", { concurrencyKey: "lane" })
      yield* TestRuns.claimOne(worker)
      yield* submit("behind", { concurrencyKey: "lane" })
      yield* submit("delayed", { availableAt: DateTime.unsafeMake(60_000) })
      strictEqual(yield* oldest, undefined)
      yield* submit("second")
      yield* submit("urgent", { priority: 10 })
      strictEqual(yield* oldest, "second")
      yield* runs.cancel(first.runId)
      strictEqual(yield* oldest, "behind")
    }),
  )
}
