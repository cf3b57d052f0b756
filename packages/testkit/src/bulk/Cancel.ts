/** Bulk suite: cancelling the runs that a filter finds. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const { agent, allDone, countsOf, ended, endsOf, run, statuses, submit } = TestBulk

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "cancels the runs of a filter, each once, and none that came later",
    Effect.gen(function* () {
      const runs = yield* Runs
      const wanted = yield* submit(600)
      const others = yield* submit(3, { agentId: "other" })
      const bulk = yield* TestBulk.create({ action: "cancel", filter: { agentId: agent("agent") } })
      strictEqual(bulk.status, "running")
      strictEqual(bulk.matched < 600, true)
      const later = yield* submit(3)
      const after = yield* ended(bulk)
      deepStrictEqual([after.status, countsOf(after), after.cursor], ["completed", allDone(600), null])
      deepStrictEqual(yield* statuses, { pending: 6, cancelled: 600 })
      for (const { runId } of [...others, ...later]) strictEqual((yield* runs.get(runId)).status, "pending")
      for (const { runId } of [wanted[0]!, wanted[300]!, wanted[599]!]) strictEqual(yield* endsOf(runId), 1)
      // Nothing of it continues.
      yield* TestClock.adjust("5 seconds")
      yield* TestRuns.settle
      deepStrictEqual(yield* statuses, { pending: 6, cancelled: 600 })
    }),
  )

  test(
    "cancels runs in every status but an end, and the next renewal of a lease says so",
    Effect.gen(function* () {
      const [leases, runs] = [yield* Leases, yield* Runs]
      const worker = yield* TestRuns.register()
      const running = yield* TestRuns.hold(worker)
      const waiting = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(waiting), TestRuns.forToolCall())
      const first = yield* TestRuns.submit()
      yield* TestRuns.submit({ conversationId: first.conversationId })
      yield* TestRuns.submit({ availableAt: yield* TestRuns.after("1 hour") })
      yield* runs.cancel((yield* TestRuns.submit()).runId)
      const after = yield* run({ action: "cancel", all: true, reason: "wrong release" })
      deepStrictEqual(countsOf(after), { matched: 6, done: 5, skipped: 1, failed: 0 })
      deepStrictEqual(yield* statuses, { cancelled: 6 })
      const { error } = yield* runs.get(first.runId)
      deepStrictEqual(error, { code: "bulk_cancelled", message: "wrong release" })
      strictEqual((yield* run({ action: "cancel", filter: { status: "pending" } })).matched, 0)
      const [renewal] = yield* leases.renew({
        workerId: worker,
        leases: [TestRuns.leaseOf(running)],
        leaseDuration: TestRuns.leaseDuration,
      })
      strictEqual(renewal?._tag, "Cancelled")
    }),
  )

  test(
    "cancels runs that differ in one part, each with its own attempts and log",
    Effect.gen(function* () {
      const [leases, runs] = [yield* Leases, yield* Runs]
      const wanted = yield* submit(14)
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.claim(worker, { limit: 5 })
      for (const each of claimed) yield* leases.release(TestRuns.leaseOf(each), { countAttempt: true })
      deepStrictEqual(countsOf(yield* run({ action: "cancel", all: true })), allDone(14))
      const after = yield* Effect.forEach(wanted, ({ runId }) => runs.get(runId))
      deepStrictEqual(
        after.map(({ attempt, status }) => [attempt, status]),
        wanted.map((_run, index) => [index < 5 ? 1 : 0, "cancelled"]),
      )
      for (const { runId } of wanted) strictEqual(yield* endsOf(runId), 1)
    }),
  )

  test(
    "the end of a run that another one waits behind, or that has children, goes as far as a single cancellation does",
    Effect.gen(function* () {
      const [leases, runs] = [yield* Leases, yield* Runs]
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker)
      const submission = { agentId: "child", publicId: "child" }
      yield* leases.spawn(TestRuns.leaseOf(parent), { stepId: "s", name: "s", submission })
      const behind = yield* TestRuns.submit({ conversationId: parent.conversationId, agentId: "other" })
      yield* run({ action: "cancel", runIds: [parent.runId] })
      strictEqual((yield* runs.get(behind.runId)).status, "pending")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, behind.runId)
      deepStrictEqual(yield* statuses, { running: 1, cancelled: 2 })
    }),
  )

  test(
    "a run that has left the filter when its part comes stays as it is",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const wanted = yield* submit(1500)
      // The claim gets the oldest run, and the operation comes to that one last.
      const [bulk, claimed] = yield* Effect.all(
        [TestBulk.create({ action: "cancel", filter: { status: "pending" } }), TestRuns.claimOne(worker)],
        { concurrency: 2 },
      )
      strictEqual(bulk.status, "running")
      strictEqual(claimed.runId, wanted[0]!.runId)
      deepStrictEqual(countsOf(yield* ended(bulk)), allDone(1499))
      strictEqual((yield* TestRuns.getRun(claimed.runId)).status, "running")
    }),
  )

  test(
    "finds by the conditions of a list: status, agent, label, text, time, attempt, error and roots",
    Effect.gen(function* () {
      const matching = (filter: Parameters<typeof run>[0]["filter"]) =>
        Effect.map(run({ action: "cancel", dryRun: true, filter }), ({ matched }) => matched)
      yield* TestBulk.submitFailed(2, { labels: { team: "a" } })
      yield* TestClock.adjust("1 minute")
      const start = yield* DateTime.now
      const made = yield* submit(3, { labels: { team: "a", tier: "gold" } })
      yield* submit(4, { agentId: "other", parentRunId: made[0]!.runId, labels: { tier: "tin" } })
      strictEqual(yield* matching({ status: "failed" }), 2)
      strictEqual(yield* matching({ agentId: agent("other") }), 4)
      strictEqual(yield* matching({ labels: { team: "a" } }), 9)
      strictEqual(yield* matching({ labels: { team: "a", tier: "gold" } }), 3)
      strictEqual(yield* matching({ labels: { team: "a" }, status: "pending", agentId: agent("agent") }), 3)
      strictEqual(yield* matching({ text: made[1]!.runId.slice(-12) }), 1)
      strictEqual(yield* matching({ from: start }), 7)
      strictEqual(yield* matching({ to: start }), 2)
      strictEqual(yield* matching({ attempt: 1 }), 2)
      strictEqual(yield* matching({ errorCode: "broken" }), 2)
      strictEqual(yield* matching({ parentRunId: made[0]!.runId }), 4)
      strictEqual(yield* matching({ conversationId: made[2]!.conversationId }), 1)
      strictEqual(yield* matching({ roots: true }), 9)
    }),
  )
}
