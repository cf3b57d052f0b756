/** Bulk suite: operations that cancel, retry and label runs. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import type { Labels } from "@runlease/core/Labels"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const { agent, allDone, countsOf, create, ended, endsOf, run, statuses, submit, submitFailed } = TestBulk

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

  test(
    "submits the failed runs once more, oldest first, under an id of the operation and the run",
    Effect.gen(function* () {
      const runs = yield* Runs
      const failed = yield* submitFailed(150, { labels: { team: "a" } })
      const bulk = yield* run({ action: "retry", filter: { status: "failed" } })
      deepStrictEqual(countsOf(bulk), allDone(150))
      deepStrictEqual(yield* statuses, { failed: 150, pending: 150 })
      const again = yield* runs.get(Ids.RunId.make(`${bulk.id}:${failed[7]!.runId}`))
      strictEqual(again.parentRunId, failed[7]!.runId)
      deepStrictEqual(again.labels, { team: "a" })
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.claim(worker, { limit: 100 })
      deepStrictEqual(
        claimed.map(({ runId }) => runId),
        failed.slice(0, 100).map(({ runId }) => `${bulk.id}:${runId}`),
      )
    }),
  )

  test(
    "begins each with what it had recorded, part by part, or from the start",
    Effect.gen(function* () {
      const count = 70
      const failed = yield* submitRecorded(count)
      yield* submitFailed(2)
      const log = yield* RunLog
      const namesIn = (bulk: string, runId: Ids.RunId) =>
        Effect.map(log.read({ runId: Ids.RunId.make(`${bulk}:${runId}`) }), (entries) =>
          entries.flatMap(({ event }) => (event.type === "CUSTOM" ? [event["name"]] : [])),
        )
      const bulk = yield* run({ action: "retry", filter: { status: "failed" } })
      deepStrictEqual([countsOf(bulk), bulk.fromStart], [allDone(count + 2), false])
      for (const { runId } of [failed[0]!, failed[count - 1]!]) {
        deepStrictEqual(yield* namesIn(bulk.id, runId), ["runlease.retry", "runlease.step"])
      }
      const named = [failed[1]!.runId, failed[3]!.runId]
      const anew = yield* run({ action: "retry", runIds: named, fromStart: true })
      deepStrictEqual([countsOf(anew), anew.fromStart], [allDone(2), true])
      deepStrictEqual(yield* namesIn(anew.id, failed[3]!.runId), ["runlease.retry"])
      const some = yield* create({ action: "retry", runIds: named })
      deepStrictEqual([some.status, countsOf(some)], ["completed", allDone(2)])
    }),
  )

  test(
    "skips runs that have not ended, and submits none of its runs once more",
    Effect.gen(function* () {
      yield* submitFailed(70)
      yield* submit(3)
      const bulk = yield* run({ action: "retry", all: true })
      deepStrictEqual(countsOf(bulk), { matched: 73, done: 70, skipped: 3, failed: 0 })
      deepStrictEqual(yield* statuses, { failed: 70, pending: 73 })
    }),
  )

  test(
    "repeats runs that have been repeated before, whose ids would grow too long",
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* submitFailed(2)
      for (let round = 0; round < 4; round++) {
        const bulk = yield* run({ action: "retry", filter: { status: "failed" } })
        deepStrictEqual(countsOf(bulk), allDone(2 * 2 ** round))
        for (const { runId } of (yield* runs.list({ status: "pending", limit: 100 })).items) {
          yield* runs.complete(runId, { status: "failed" })
        }
      }
      deepStrictEqual(yield* statuses, { failed: 32 })
    }),
  )

  test(
    "repeats runs with large requests, a few in each commit",
    Effect.gen(function* () {
      const runs = yield* Runs
      const text = "x".repeat(4_000_000)
      const made: Array<Ids.RunId> = []
      for (let index = 0; index < 6; index++) {
        const snapshot = RequestSnapshot.fromText(`${index} ${text}`)
        const { runId } = yield* TestRuns.submit({ snapshot })
        yield* runs.cancel(runId)
        made.push(runId)
      }
      const byFilter = yield* run({ action: "retry", filter: { status: "cancelled" } })
      deepStrictEqual(countsOf(byFilter), allDone(6))
      const byName = yield* run({ action: "retry", runIds: made.toReversed() })
      deepStrictEqual([countsOf(byName), byName.searched], [allDone(6), 6])
      const { messages } = yield* runs.snapshot(Ids.RunId.make(`${byName.id}:${made[4]}`))
      strictEqual(JSON.stringify(messages[0]?.parts).includes("4 xxx"), true)
      deepStrictEqual(yield* statuses, { cancelled: 6, pending: 12 })
    }),
  )

  test(
    "sets and removes labels, also of runs that have ended",
    Effect.gen(function* () {
      const runs = yield* Runs
      const made = yield* submit(300, { labels: { team: "a", tier: "tin" } })
      yield* runs.cancel(made[5]!.runId)
      const labels = { team: "b", tier: null }
      const bulk = yield* run({ action: "label", filter: { labels: { team: "a" } }, labels })
      deepStrictEqual(countsOf(bulk), allDone(300))
      for (const { runId } of [made[0]!, made[5]!, made[299]!]) {
        deepStrictEqual((yield* runs.get(runId)).labels, { team: "b" })
      }
      strictEqual((yield* runs.list({ labels: { team: "a" } })).items.length, 0)
      strictEqual((yield* runs.list({ labels: { team: "b" }, limit: 100 })).items.length, 100)
    }),
  )

  test(
    "skips runs that have the labels, and counts those that would have too many, with the reason",
    Effect.gen(function* () {
      const [full] = yield* submit(1, { labels: sixteen })
      yield* submit(2, { labels: { team: "a" } })
      yield* submit(3)
      const filter = { agentId: agent("agent") }
      const bulk = yield* run({ action: "label", filter, labels: { team: "a" } })
      deepStrictEqual(countsOf(bulk), { matched: 6, done: 3, skipped: 2, failed: 1 })
      const [failure] = bulk.failures
      deepStrictEqual([failure?.runId, failure?.code], [full!.runId, "labels_refused"])
      strictEqual(failure?.message.includes("at most 16"), true)
    }),
  )
}

/** Submits runs, and fails them behind a step that is recorded. */
const submitRecorded = (count: number) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const submitted = yield* submit(count)
    const worker = yield* TestRuns.register()
    const claimed = yield* TestRuns.claim(worker, { limit: count })
    yield* Effect.forEach(
      claimed,
      (each) =>
        Effect.zipRight(
          TestRuns.append(each, [
            AgentEvent.custom("runlease.step", { step_id: "pay", record_id: "pay", name: "pay" }),
          ]),
          leases.complete(TestRuns.leaseOf(each), { status: "failed" }),
        ),
      { concurrency: "unbounded", discard: true },
    )
    return submitted
  })

const sixteen: Labels = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`n${index}`, "v"]))
