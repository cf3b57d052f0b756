/** Follow-up suite: the snapshot of a run that a follow-up input continues. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import {
  approval,
  clientCall,
  id,
  input,
  inputsOf,
  linesOf,
  sendFollowUp,
  snapshotOf,
  status,
  userMessage,
  waitingRun,
  yes,
} from "./Inputs.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "with all results continue the run with the whole input",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a"), clientCall("b")], { worker })
      const { latestEventId } = yield* TestRuns.getRun(waiting.runId)
      const next = input(
        "second",
        { a: 1, b: "two" },
        {
          more: [userMessage("m2", "and then?")],
          tools: [{ name: "look_up" }],
          context: [{ description: "page", value: "7" }],
          state: { n: 1 },
          forwardedProps: { p: 1 },
        },
      )
      deepStrictEqual(yield* inputsOf(waiting.runId), [])
      strictEqual(yield* sendFollowUp(waiting.runId, next), `Continued after ${latestEventId}`)
      deepStrictEqual(yield* inputsOf(waiting.runId), [{ publicId: id("second"), since: latestEventId }])
      deepStrictEqual(yield* inputsOf(id("unknown")), [])
      strictEqual(yield* status(waiting.runId), "pending")

      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, waiting.runId)
      deepStrictEqual(linesOf(again.snapshot), [
        "user: look",
        'assistant: "a", "b"',
        "tool: 1",
        'tool: "two"',
        "user: and then?",
      ])
      deepStrictEqual(
        [again.snapshot.tools, again.snapshot.context, again.snapshot.state, again.snapshot.forwardedProps],
        [next.snapshot.tools, next.snapshot.context, { n: 1 }, { p: 1 }],
      )
      deepStrictEqual(
        again.snapshot.resume?.map(({ interruptId, payload }) => [interruptId, payload]),
        [
          ["a", 1],
          ["b", "two"],
        ],
      )
    }),
  )

  test(
    "without messages change only the answers",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a")], {
        worker,
        submission: {
          snapshot: snapshotOf([userMessage("m1", "look")], { state: { n: 1 }, tools: [{ name: "t" }] }),
        },
      })
      const resume = [Interrupt.toolResult("a", 5)]
      yield* sendFollowUp(waiting.runId, {
        publicId: id("second"),
        resume,
        results: [],
        snapshot: snapshotOf([]),
      })
      const { snapshot } = yield* TestRuns.claimOne(worker)
      deepStrictEqual(
        [linesOf(snapshot), snapshot.state, snapshot.tools],
        [["user: look", "tool: 5"], { n: 1 }, [{ name: "t" }]],
      )
    }),
  )

  test(
    "keep the results that the run has from elsewhere, each behind its call",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a"), clientCall("b"), approval], { worker })
      yield* runs.resume(waiting.runId, TestRuns.resultOf("a", "other"))
      const next = input("second", { b: 2 }, { resume: [yes], more: [userMessage("m2", "so?")] })
      assertTrue((yield* sendFollowUp(waiting.runId, next)).startsWith("Continued"))
      const { snapshot } = yield* TestRuns.claimOne(worker)
      deepStrictEqual(linesOf(snapshot), [
        "user: look",
        'assistant: "a", "b"',
        "tool: 2",
        'tool: "other"',
        "user: so?",
      ])
    }),
  )

  test(
    "keep the agent's own result of a call that needed approval",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [{ ...approval, toolCallId: "a" }], { worker })
      yield* runs.resume(waiting.runId, [yes])
      const again = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(again), { interrupts: [clientCall("b")] })
      yield* sendFollowUp(waiting.runId, input("second", { a: "done", b: 2 }))
      const { snapshot } = yield* TestRuns.claimOne(worker)
      deepStrictEqual(linesOf(snapshot).slice(2), ['tool: "done"', "tool: 2"])
    }),
  )

  test(
    "stay with their run when the worker that continues it dies",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a")], { worker })
      yield* sendFollowUp(
        waiting.runId,
        input("second", { a: 1 }, { more: [userMessage("m2", "and then?")] }),
      )
      const lost = yield* TestRuns.claimOne(worker)
      yield* TestRuns.lapse
      const again = yield* TestRuns.claimOne(yield* TestRuns.register("other"))
      deepStrictEqual([again.runId, again.attempt, again.snapshot], [waiting.runId, 2, lost.snapshot])
      strictEqual(yield* TestRuns.verdictOf(TestRuns.append(lost, [{ type: "X" }])), "LeaseLost")
      yield* TestRuns.complete(again)
      strictEqual(yield* status(id("second")), "completed")
    }),
  )

  test(
    "may answer a call in `resume`, which takes precedence over a message",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [{ ...clientCall("a"), id: "ask-a" }], { worker })
      const entry: Interrupt.Answer = {
        interruptId: "a",
        status: "resolved",
        payload: "entry",
        metadata: { device: "phone" },
      }
      yield* sendFollowUp(waiting.runId, input("x", { a: "message" }, { resume: [entry] }))
      const { snapshot } = yield* TestRuns.claimOne(worker)
      deepStrictEqual(snapshot.resume, [{ ...entry, interruptId: "ask-a" }])
      deepStrictEqual(linesOf(snapshot).slice(2), ['tool: "entry"'])
    }),
  )
}
