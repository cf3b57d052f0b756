/** Bulk suite: submitting runs once more that have ended. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const { allDone, countsOf, create, run, statuses, submit, submitFailed } = TestBulk

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

export const declare = (test: TestRuns.Test<StorePorts>): void => {
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
}
