/** Follow-up suite: the ids of inputs, duplicates, conflicts and races. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect, Fiber, Stream } from "effect"
import * as TestRuns from "../TestRuns.js"
import { approval, clientCall, id, input, inputsOf, sendFollowUp, status, waitingRun, yes } from "./Inputs.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "name the run, so reads, follows, cancels and answers accept their ids",
    Effect.gen(function* () {
      const runs = yield* Runs
      const log = yield* RunLog
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a")], { worker })
      yield* sendFollowUp(waiting.runId, input("second", { a: 1 }))
      strictEqual((yield* runs.get(id("second"))).runId, waiting.runId)
      deepStrictEqual(yield* TestRuns.eventsOf(id("second")), yield* TestRuns.eventsOf(waiting.runId))
      const again = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(again), { interrupts: [approval] })
      strictEqual((yield* runs.resume(id("second"), [yes])).run.runId, waiting.runId)
      const followed = yield* TestRuns.start(Stream.runCount(log.follow({ runId: id("second") })))
      const { cancelled, run } = yield* runs.cancel(id("second"))
      deepStrictEqual([cancelled, run.runId, run.status], [true, waiting.runId, "cancelled"])
      strictEqual(yield* Fiber.join(followed), run.latestEventId)
      strictEqual((yield* runs.complete(id("second"), { status: "failed" })).completed, false)
      strictEqual(yield* TestRuns.verdictOf(runs.get(id("third"))), "RunNotFound")
    }),
  )

  test(
    "are duplicates under the same id, and a conflict when their content differs",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a")], { worker })
      const other = yield* waitingRun("other", [clientCall("a")], { worker })
      const next = input("second", { a: 1 })
      const verdict = yield* sendFollowUp(waiting.runId, next)
      const again = verdict.replace("Continued", "Again")
      strictEqual(yield* sendFollowUp(waiting.runId, next), again)
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      strictEqual(yield* sendFollowUp(waiting.runId, next), again)
      strictEqual(
        yield* sendFollowUp(waiting.runId, {
          ...next,
          snapshot: { ...next.snapshot, traceContext: { traceId: "t", spanId: "s", traceFlags: 0 } },
        }),
        again,
      )
      for (const conflict of [
        sendFollowUp(waiting.runId, input("second", { a: 2 })),
        sendFollowUp(waiting.runId, input("first", { a: 1 })),
        sendFollowUp(other.runId, next),
        sendFollowUp(other.runId, input("first", { a: 1 })),
      ]) {
        strictEqual(yield* conflict, "SubmissionConflict")
      }
      strictEqual(yield* status(other.runId), "waiting")
      strictEqual(
        yield* TestRuns.verdictOf(runs.submit(TestRuns.submission({ publicId: "second" }))),
        "SubmissionConflict",
      )
    }),
  )

  test(
    "may answer a question under the id of the current part, which keeps naming that part",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [approval], { worker })
      const answered = input("first", {}, { resume: [yes] })
      assertTrue((yield* sendFollowUp(waiting.runId, answered)).startsWith("Continued"))
      strictEqual(yield* sendFollowUp(waiting.runId, answered), "Answered pending")
      deepStrictEqual(yield* inputsOf(waiting.runId), [])

      const second = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(second), { interrupts: [clientCall("a")] })
      assertTrue((yield* sendFollowUp(waiting.runId, input("second", { a: 1 }))).startsWith("Continued"))
      const named = yield* inputsOf(waiting.runId)

      const third = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(third), { interrupts: [{ ...approval, id: "once more" }] })
      const again = { ...yes, interruptId: "once more" }
      const other = input("second", { a: 1 }, { resume: [{ ...yes, interruptId: "unknown" }] })
      strictEqual(yield* sendFollowUp(waiting.runId, other), "SubmissionConflict")
      assertTrue(
        (yield* sendFollowUp(waiting.runId, input("second", { a: 1 }, { resume: [again] }))).startsWith(
          "Continued",
        ),
      )
      deepStrictEqual(yield* inputsOf(waiting.runId), named)
      strictEqual((yield* sendFollowUp(waiting.runId, input("second", { a: 1 }))).startsWith("Again"), true)
    }),
  )

  test(
    "race for a run, and one of them continues it",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const waiting = yield* waitingRun("first", [clientCall("a")], { worker })
      const verdicts = yield* Effect.all(
        [
          sendFollowUp(waiting.runId, input("x", { a: 1 })),
          sendFollowUp(waiting.runId, input("y", { a: 1 })),
          sendFollowUp(waiting.runId, input("z", { a: 2 })),
        ],
        { concurrency: "unbounded" },
      )
      strictEqual(verdicts.filter((verdict) => verdict.startsWith("Continued")).length, 1)
      deepStrictEqual(
        verdicts.filter((verdict) => !/^(Continued|Again|Left pending)/.test(verdict)),
        [],
      )
      deepStrictEqual(
        (yield* TestRuns.claim(worker, { limit: 10 })).map(({ runId }) => runId),
        [waiting.runId],
      )
    }),
  )

  test(
    "race with the same answer from elsewhere, and with a submission of their id, each in either order",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      for (const first of ["input", "other"] as const) {
        const waiting = yield* waitingRun(first, [clientCall("a"), clientCall("b")], { worker })
        const concurrently = <E extends { readonly _tag: string }>(
          next: string,
          other: Effect.Effect<unknown, E>,
        ) => {
          const sent = sendFollowUp(waiting.runId, input(next, { a: 1, b: 2 }))
          const verdict = TestRuns.verdictOf(other)
          return Effect.all(first === "input" ? { sent, verdict } : { verdict, sent }, {
            concurrency: "unbounded",
          })
        }
        const answered = yield* concurrently(
          `${first}-2`,
          runs.resume(waiting.runId, TestRuns.resultOf("a", 1)),
        )
        strictEqual(answered.verdict, "Succeeded")
        assertTrue(answered.sent.startsWith("Continued"))
        const submitted = TestRuns.submission({ publicId: `${first}-3` })
        const named = yield* concurrently(`${first}-3`, runs.submit(submitted))
        deepStrictEqual(
          [named.verdict, named.sent.startsWith("Again")],
          (yield* runs.get(id(`${first}-3`))).runId === waiting.runId
            ? ["SubmissionConflict", true]
            : ["Succeeded", false],
        )
      }
    }),
  )
}
