/** Runs suite: the executor's session of a run. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const unknownRun = Ids.RunId.make("unknown")

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "recordSession stores one session per run, which later attempts receive",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register("worker-1", "special")
      const claimed = yield* TestRuns.hold(worker)
      const lease = TestRuns.leaseOf(claimed)
      const first = yield* runs.recordSession(lease, { sessionKey: "s-1", metadata: { path: "/tmp" } })
      strictEqual(first.runId, claimed.runId)
      strictEqual(first.implementationKind, "special")
      strictEqual(first.workerId, worker)
      strictEqual(first.status, "active")
      strictEqual(first.endedAt, null)
      const second = yield* runs.recordSession(lease, { sessionKey: "s-2", status: "completed" })
      strictEqual(second.id, first.id)
      strictEqual(second.sessionKey, "s-2")
      strictEqual(second.status, "completed")
      deepStrictEqual(second.metadata, { path: "/tmp" })
      assertTrue(second.endedAt !== null)
      yield* TestRuns.lapse
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.session?.sessionKey, "s-2")
      strictEqual(again.session?.id, first.id)
    }),
  )

  test(
    "recordSession refuses a run that has ended or does not exist",
    Effect.gen(function* () {
      const runs = yield* Runs
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const lease = TestRuns.leaseOf(claimed)
      yield* runs.cancel(claimed.runId)
      strictEqual(yield* TestRuns.verdictOf(runs.recordSession(lease, { sessionKey: "s" })), "RunEnded")
      const unknown = { ...lease, runId: unknownRun }
      strictEqual(yield* TestRuns.verdictOf(runs.recordSession(unknown, { sessionKey: "s" })), "RunNotFound")
    }),
  )
}
