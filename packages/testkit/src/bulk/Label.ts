/** Bulk suite: changing the labels of runs. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import type { Labels } from "@runlease/core/Labels"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import type * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const { agent, allDone, countsOf, run, submit } = TestBulk

const sixteen: Labels = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`n${index}`, "v"]))

export const declare = (test: TestRuns.Test<StorePorts>): void => {
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
