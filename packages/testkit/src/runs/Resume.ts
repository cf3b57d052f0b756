/** Runs suite: the snapshot of a run, and the answers that resume it. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const unknownRun = Ids.RunId.make("unknown")

/** Claims a new run and suspends it for call `call`. */
export const suspendedRun = (worker: Ids.WorkerId) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const claimed = yield* TestRuns.hold(worker, { snapshot: RequestSnapshot.fromText("Ask me") })
    yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
    return claimed
  })

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "snapshot equals the snapshot of the next claim, with the answers so far",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const snapshot = { ...RequestSnapshot.fromText("Ask me"), state: { open: [1, null] } }
      const submitted = yield* TestRuns.submit({ snapshot })
      deepStrictEqual(yield* runs.snapshot(submitted.runId), snapshot)
      const claimed = yield* TestRuns.claimOne(worker)
      yield* Effect.flatMap(Leases, (leases) =>
        leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall()),
      )
      deepStrictEqual(yield* runs.snapshot(claimed.runId), snapshot)
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call", { found: true }))
      const answered = yield* runs.snapshot(claimed.runId)
      strictEqual(answered.messages.length, 2)
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual(again.snapshot, answered)
      yield* TestRuns.complete(again)
      deepStrictEqual(yield* runs.snapshot(claimed.runId), answered)
      strictEqual(yield* TestRuns.verdictOf(runs.snapshot(unknownRun)), "RunNotFound")
    }),
  )

  test(
    "resume makes the run pending with the answer in its snapshot, and resets its attempts",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      const answer = yield* runs.resume(claimed.runId, TestRuns.resultOf("call", { ok: [1] }))
      strictEqual(answer.duplicate, false)
      strictEqual(answer.run.status, "pending")
      strictEqual(answer.run.waiting, null)
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, claimed.runId)
      strictEqual(again.attempt, 1)
      strictEqual(again.leaseEpoch, 2)
      strictEqual(again.snapshot.messages.length, 2)
      const message = again.snapshot.messages[1]
      strictEqual(message?.role, "tool")
      deepStrictEqual(message?.parts, [{ type: "tool_result", toolCallId: "call", result: { ok: [1] } }])
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), ["RUN_STARTED", "RUN_FINISHED", "RUN_STARTED"])
      yield* TestRuns.complete(again)
      strictEqual((yield* runs.get(claimed.runId)).status, "completed")
    }),
  )

  test(
    "resume stores that the call failed",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call", "No such file", true))
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual(again.snapshot.messages[1]?.parts, [
        { type: "tool_result", toolCallId: "call", result: "No such file", isError: true },
      ])
    }),
  )

  test(
    "resume again with the same answer is a duplicate; another answer or call is refused",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      const answer = TestRuns.resultOf("call", { yes: true })
      const refusalOf = (toolCallId: string, result: unknown) =>
        TestRuns.verdictOf(runs.resume(claimed.runId, TestRuns.resultOf(toolCallId, result)))
      strictEqual(yield* refusalOf("other", 1), "NotWaiting")
      yield* runs.resume(claimed.runId, answer)
      strictEqual((yield* runs.resume(claimed.runId, answer)).duplicate, true)
      strictEqual(yield* refusalOf("call", { yes: false }), "NotWaiting")
      strictEqual(yield* refusalOf("other", 1), "NotWaiting")
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.snapshot.messages.length, 2)
      yield* TestRuns.complete(again)
      strictEqual((yield* runs.resume(claimed.runId, answer)).duplicate, true)
      strictEqual(yield* refusalOf("call", { yes: false }), "NotWaiting")
      strictEqual(yield* TestRuns.verdictOf(runs.resume(unknownRun, answer)), "RunNotFound")
    }),
  )

  test(
    "resume answers a second wait of the same run",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call", 1))
      const again = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall("call-2", "ask"))
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call-2", 2))
      const third = yield* TestRuns.claimOne(worker)
      deepStrictEqual(
        third.snapshot.messages.slice(1).map((message) => message.parts[0]?.["toolCallId"]),
        ["call", "call-2"],
      )
    }),
  )
}
