/** Leases suite: detached children. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { spawn, statusOf } from "./Families.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a detached child is a root that its parent names in its log, and spawning it again finds it",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker, { concurrencyKey: "lane", budget: { runs: 2 } })
      const lease = TestRuns.leaseOf(parent)
      const first = yield* spawn(lease, "a", {}, true)
      deepStrictEqual(first, { runId: first.runId })
      deepStrictEqual(yield* spawn(lease, "a", { priority: 1 }, true), first)
      strictEqual(yield* TestRuns.verdictOf(spawn(lease, "a")), "InvalidSubmission")
      deepStrictEqual(
        (yield* TestRuns.eventsOf(parent.runId)).flatMap(({ value }) => value ?? []),
        [
          {
            step_id: "a",
            record_id: first.runId,
            name: "a",
            child_run_id: first.runId,
            agent_id: "agent",
            detached: true,
          },
        ],
      )
      const behind = yield* spawn(lease, "b", { concurrencyKey: "lane" }, true)
      const child = yield* spawn(lease, "c")
      strictEqual(child.index, 0)
      strictEqual((yield* TestRuns.getRun(parent.runId)).budget?.spent.runs, 2)
      const claimed = yield* Effect.replicateEffect(TestRuns.claimOne(worker), 2)
      deepStrictEqual(
        claimed.map(({ budgetRoot, runId }) => [runId, budgetRoot]),
        [
          [first.runId, undefined],
          [child.runId, parent.runId],
        ],
      )
      yield* TestRuns.complete(claimed[0]!)
      strictEqual((yield* TestRuns.eventsOf(parent.runId)).length, 4)
      yield* leases.complete(lease, { status: "completed" })
      deepStrictEqual(
        [yield* statusOf(first.runId), yield* statusOf(child.runId), yield* statusOf(behind.runId)],
        ["completed", "cancelled", "pending"],
      )
      deepStrictEqual(
        (yield* runs.list({ parentRunId: parent.runId })).items.map(({ runId }) => runId),
        [child.runId, behind.runId, first.runId],
      )
      strictEqual((yield* TestRuns.claimOne(worker)).runId, behind.runId)
    }),
  )
}
