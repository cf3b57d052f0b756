/** RunLog suite: who may append to a run, and the order of the checks. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Sequence } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { verdictOf } from "./Cursors.js"

const event = (value: number) => AgentEvent.custom("test", value)
const unknownRun = Ids.RunId.make("unknown")

/** Those that the control plane and the workers write, and one that is for a later version. */
const reservedNames = [
  "runlease.step",
  "runlease.intent",
  "runlease.sleep",
  "runlease.child",
  "runlease.inbox",
  "runlease.message",
  "runlease.attempt",
  "runlease.waiting",
  "runlease.usage",
  "runlease.fallback",
  "runlease.tool_begun",
  "runlease.tool_uncertain",
  "runlease.later",
]

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a former lease appends nothing, even when its worker holds the run again",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const first = yield* TestRuns.hold(worker)
      const request = { runId: first.runId, events: [event(1)], fence: TestRuns.leaseOf(first) }
      yield* TestRuns.lapse
      strictEqual(yield* verdictOf(request), "LeaseLost")
      yield* TestRuns.claimOne(other)
      strictEqual(yield* verdictOf(request), "LeaseLost")
      yield* TestRuns.lapse
      const third = yield* TestRuns.claimOne(worker)
      strictEqual(yield* verdictOf(request), "LeaseLost")
      strictEqual(yield* verdictOf({ ...request, fence: TestRuns.leaseOf(third) }), "Succeeded")
      strictEqual((yield* TestRuns.getRun(first.runId)).latestSequence, 1)
    }),
  )

  test(
    "a fence without an epoch compares the owner alone",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const request = { runId: claimed.runId, events: [event(1)], fence: { workerId: worker, epoch: null } }
      strictEqual(yield* verdictOf(request), "Succeeded")
      const fence = { workerId: yield* TestRuns.register("other"), epoch: null }
      strictEqual(yield* verdictOf({ ...request, fence }), "LeaseLost")
    }),
  )

  test(
    "append checks the run, the fence, the end, the wait, the events and the cursor, in this order",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const bad = { events: [{ type: "" }], expectedSequence: Sequence.make(7) }
      const claimed = yield* TestRuns.hold(worker)
      const fence = TestRuns.leaseOf(claimed)
      const stranger = { ...fence, workerId: other }
      const { runId } = claimed
      strictEqual(yield* verdictOf({ ...bad, runId: unknownRun, fence }), "RunNotFound")
      strictEqual(yield* verdictOf({ ...bad, runId, fence: stranger }), "LeaseLost")
      strictEqual(yield* verdictOf({ ...bad, runId, fence }), "EventRefused")
      strictEqual(yield* verdictOf({ ...bad, events: [event(1)], runId, fence }), "CursorMismatch")

      yield* leases.suspend(fence, TestRuns.forToolCall())
      strictEqual(yield* verdictOf({ ...bad, runId, fence }), "LeaseLost")
      strictEqual(yield* verdictOf({ ...bad, runId }), "RunWaiting")

      yield* runs.cancel(runId)
      strictEqual(yield* verdictOf({ ...bad, runId }), "RunEnded")
    }),
  )

  test(
    "append by the holder of a cancelled run fails with RunEnded",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const claimed = yield* TestRuns.hold(worker)
      const request = { runId: claimed.runId, events: [event(1)], fence: TestRuns.leaseOf(claimed) }
      yield* runs.cancel(claimed.runId)
      strictEqual(yield* verdictOf(request), "RunEnded")
      strictEqual(yield* verdictOf({ ...request, fence: { ...request.fence, workerId: other } }), "LeaseLost")
    }),
  )

  test(
    "append without a fence takes no event whose name is reserved, and its holder's does",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const driven = yield* TestRuns.submit({ initialStatus: "running" })
      for (const { runId } of [claimed, driven]) {
        const before = yield* TestRuns.getRun(runId)
        for (const name of reservedNames) {
          const events = [event(1), AgentEvent.custom(name, { step_id: "s", record_id: "r", name: "n" })]
          deepStrictEqual([name, yield* verdictOf({ runId, events })], [name, "EventRefused"])
        }
        deepStrictEqual(yield* TestRuns.getRun(runId), before)
        // A name is reserved as it is, and for CUSTOM events alone.
        const others = [AgentEvent.custom("runlease", 1), { type: "runlease.step", name: "runlease.step" }]
        strictEqual(yield* verdictOf({ runId, events: others }), "Succeeded")
      }
      const { latestSequence } = yield* TestRuns.append(claimed, [AgentEvent.custom("runlease.any", 1)])
      strictEqual(latestSequence, 3)
    }),
  )

  test(
    "append without a fence succeeds for a run that its submitter drives",
    Effect.gen(function* () {
      const run = yield* TestRuns.submit({ initialStatus: "running" })
      strictEqual(run.latestEventId, 1)
      strictEqual(yield* verdictOf({ runId: run.runId, events: [event(1)] }), "Succeeded")
      deepStrictEqual(yield* TestRuns.typesOf(run.runId), ["RUN_STARTED", "CUSTOM"])
    }),
  )
}
