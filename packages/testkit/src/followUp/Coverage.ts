/** Follow-up suite: inputs that answer only a part of what a run waits for, or come too late. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import {
  approval,
  clientCall,
  id,
  input,
  linesOf,
  sendFollowUp,
  status,
  userMessage,
  waitingRun,
  yes,
} from "./Inputs.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "without all results complete the run of a client whose protocol ends it there",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      for (const [index, results] of [{}, { a: 1 }].entries()) {
        const waiting = yield* waitingRun(`first-${index}`, [clientCall("a"), clientCall("b")], { worker })
        const next = input(`second-${index}`, results, { more: [userMessage("m2", "never mind")] })
        strictEqual(yield* sendFollowUp(waiting.runId, next), "Left completed")
        const last = (yield* TestRuns.eventsOf(waiting.runId)).at(-1)
        strictEqual(TestRuns.outcomeOf(last), "success")
        strictEqual(yield* TestRuns.verdictOf(runs.get(next.publicId)), "RunNotFound")
      }
    }),
  )

  test(
    "without all results leave a run waiting that another client submitted or answered",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const plain = yield* waitingRun("plain", [clientCall("a")], {
        worker,
        submission: { snapshot: { messages: [], tools: [], context: [] } },
      })
      strictEqual(yield* sendFollowUp(plain.runId, input("x", {})), "Left waiting")
      assertTrue((yield* sendFollowUp(plain.runId, input("y", { a: 1 }))).startsWith("Continued"))
      const ofClient = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(ofClient), { interrupts: [clientCall("b")] })
      yield* runs.resume(plain.runId, TestRuns.resultOf("b", 1))
      const ofOther = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(ofOther), { interrupts: [clientCall("c")] })
      strictEqual(yield* sendFollowUp(plain.runId, input("z", {})), "Left waiting")
    }),
  )

  test(
    "must answer every question, and may leave out client calls next to one",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a"), approval, clientCall("b")], { worker })
      strictEqual(yield* sendFollowUp(waiting.runId, input("x", { a: 1, b: 2 })), "Uncovered approval")
      strictEqual(yield* status(waiting.runId), "waiting")
      const next = input("y", { a: 1 }, { resume: [yes] })
      assertTrue((yield* sendFollowUp(waiting.runId, next)).startsWith("Continued"))
      const { snapshot } = yield* TestRuns.claimOne(worker)
      deepStrictEqual(
        snapshot.resume?.map((answer) => [answer.interruptId, answer.status]),
        [
          ["approval", "resolved"],
          ["a", "resolved"],
          ["b", "cancelled"],
        ],
      )
      deepStrictEqual(linesOf(snapshot).slice(2), ["tool: 1", 'tool: "cancelled"'])
    }),
  )

  test(
    "may have answers to unknown interrupts among others, but none that contradicts a recorded answer",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [approval, clientCall("a")], { worker })
      const nothing: Interrupt.Answer = { interruptId: "nothing", status: "cancelled" }
      const bare = input("x", {}, { resume: [yes, nothing] })
      strictEqual(
        yield* sendFollowUp(waiting.runId, { ...bare, snapshot: { ...bare.snapshot, messages: [] } }),
        "NotWaiting",
      )
      yield* runs.resume(waiting.runId, [yes])
      const no = { ...yes, payload: false }
      strictEqual(yield* sendFollowUp(waiting.runId, input("y", { a: 1 }, { resume: [no] })), "NotWaiting")
      strictEqual(yield* status(waiting.runId), "waiting")
      const next = input("z", { a: 1 }, { resume: [yes, nothing] })
      assertTrue((yield* sendFollowUp(waiting.runId, next)).startsWith("Continued"))
      strictEqual(yield* sendFollowUp(waiting.runId, input("z", { a: 1 }, { resume: [no] })), "NotWaiting")
      strictEqual(
        yield* sendFollowUp(waiting.runId, input("again", {}, { resume: [yes] })),
        "Answered pending",
      )
      const { publicId, ...same } = next
      strictEqual(publicId, "z")
      assertTrue((yield* sendFollowUp(waiting.runId, { ...same, publicId: id("z2") })).startsWith("Again"))
      strictEqual((yield* runs.get(id("z2"))).runId, waiting.runId)
    }),
  )

  test(
    "change nothing once the wait has expired or the run has ended",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a")], { worker, expiresAfter: "10 seconds" })
      yield* TestClock.adjust("10 seconds")
      strictEqual(yield* sendFollowUp(waiting.runId, input("second", { a: 1 })), "Left failed")
      strictEqual((yield* TestRuns.getRun(waiting.runId)).error?.code, "wait_expired")
      const other = yield* waitingRun("other", [clientCall("a")], { worker })
      yield* runs.cancel(other.runId)
      strictEqual(yield* sendFollowUp(other.runId, input("third", { a: 1 })), "Left cancelled")
    }),
  )
}
