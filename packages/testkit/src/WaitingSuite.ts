/** What a wait with a time limit must do. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { DateTime, Effect, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const answer = TestRuns.resultOf("call", "yes")

/** Claims a new run and suspends it for ten seconds. */
const suspendedRun = (worker: Ids.WorkerId, input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const claimed = yield* TestRuns.hold(worker, input)
    yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall("call", "ask", "10 seconds"))
    return claimed
  })

/** Declares the tests of waits that expire. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Waiting (${name})`, () => {
    test(
      "an expired wait fails the run at that moment, closes its log, and names the tool in the error",
      Effect.gen(function* () {
        const expiresAt = yield* TestRuns.after("10 seconds")
        const { runId } = yield* suspendedRun(yield* TestRuns.register())
        const { waiting } = yield* TestRuns.getRun(runId)
        deepStrictEqual(waiting, {
          interrupts: [{ ...Interrupt.ofToolCall("call", "ask"), expiresAt }],
          answers: [],
          expiresAt,
        })
        yield* TestClock.adjust("9999 millis")
        yield* TestRuns.settle
        strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")

        yield* TestClock.adjust("1 millis")
        const run = yield* TestRuns.untilFailed(runId)
        // A store in another process may notice the expiry a little later.
        const late = (run.finishedAt?.epochMillis ?? 0) - expiresAt.epochMillis
        assertTrue(late >= 0 && late <= 100)
        strictEqual(run.waiting, null)
        strictEqual(run.error?.code, "wait_expired")
        assertTrue(run.error!.message.includes("ask"))
        const events = yield* TestRuns.eventsOf(runId)
        deepStrictEqual(
          events.map(({ type }) => type),
          ["RUN_STARTED", "RUN_FINISHED", "RUN_STARTED", "RUN_ERROR"],
        )
        const outcome = events[1]!["outcome"] as { readonly interrupts: ReadonlyArray<unknown> }
        deepStrictEqual(outcome.interrupts, [
          {
            id: "call",
            reason: "tool_call",
            toolCallId: "call",
            toolName: "ask",
            clientTool: true,
            expiresAt: DateTime.formatIso(expiresAt),
          },
        ])
        strictEqual(events[3]!["code"], "wait_expired")
      }),
    )

    test(
      "an answer just before the expiry ends the wait and is in the next claim's snapshot",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* suspendedRun(worker)
        yield* TestClock.adjust("9999 millis")
        const resumed = yield* runs.resume(runId, answer)
        strictEqual(resumed.run.waiting, null)
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          again.snapshot.messages.map(({ parts }) => parts),
          [[{ type: "tool_result", toolCallId: "call", result: "yes" }]],
        )
        yield* TestClock.adjust("5 seconds")
        yield* TestRuns.settle
        strictEqual((yield* TestRuns.getRun(runId)).status, "running")
        yield* TestRuns.complete(again)
        strictEqual((yield* TestRuns.getRun(runId)).status, "completed")
      }),
    )

    test(
      "an answer at the expiry or later is refused, and changes nothing",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* suspendedRun(yield* TestRuns.register())
        yield* TestClock.adjust("10 seconds")
        strictEqual(yield* TestRuns.verdictOf(runs.resume(runId, answer)), "NotWaiting")
        const run = yield* TestRuns.untilFailed(runId)
        yield* TestClock.adjust("10 seconds")
        strictEqual(yield* TestRuns.verdictOf(runs.resume(runId, answer)), "NotWaiting")
        deepStrictEqual(yield* TestRuns.getRun(runId), run)
      }),
    )

    test(
      "a run cancelled while it waits stays cancelled after the expiry",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* suspendedRun(yield* TestRuns.register())
        yield* TestClock.adjust("5 seconds")
        const { cancelled, run } = yield* runs.cancel(runId)
        strictEqual(cancelled, true)
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        deepStrictEqual(yield* TestRuns.getRun(runId), run)
        deepStrictEqual(yield* TestRuns.typesOf(runId, 2), ["RUN_STARTED", "RUN_FINISHED"])
      }),
    )

    test(
      "a waiting run blocks its lane until the wait expires",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const first = yield* suspendedRun(worker, { concurrencyKey: "lane" })
        const second = yield* TestRuns.submit({ concurrencyKey: "lane" })
        yield* TestClock.adjust("9999 millis")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* TestClock.adjust("1 millis")
        strictEqual((yield* TestRuns.claimOne(worker)).runId, second.runId)
        strictEqual((yield* TestRuns.getRun(first.runId)).status, "failed")
      }),
    )

    test(
      "a second wait of the same run has its own time limit, or none",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* suspendedRun(worker)
        yield* runs.resume(runId, answer)
        const again = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall("call-2"))
        yield* TestClock.adjust("20 seconds")
        yield* TestRuns.settle
        const run = yield* TestRuns.getRun(runId)
        deepStrictEqual(run.waiting, {
          interrupts: [Interrupt.ofToolCall("call-2", "ask")],
          answers: [],
          expiresAt: null,
        })
        yield* runs.resume(runId, TestRuns.resultOf("call-2", 2))
        strictEqual((yield* TestRuns.claimOne(worker)).snapshot.messages.length, 2)
      }),
    )
  })
}
