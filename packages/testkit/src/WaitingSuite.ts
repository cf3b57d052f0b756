/**
 * What a run that waits for answers must do: keep them until it has all, refuse what it did not ask, and end in time.
 *
 * @since 0.1.0
 */
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

const at = (millis: number) => DateTime.unsafeMake(millis)

const approval: Interrupt.Interrupt = {
  id: "approval",
  reason: "confirmation",
  message: "Deploy it?",
  responseSchema: { type: "object", properties: { approved: { type: "boolean" } } },
  metadata: { asker: { name: "deployer" }, tags: ["a", 1, null] },
}
const lookup: Interrupt.Interrupt = {
  id: "lookup",
  reason: "tool_call",
  toolCallId: "call-lookup",
  toolName: "look_up",
}
const yes: Interrupt.Answer = {
  interruptId: "approval",
  status: "resolved",
  payload: { approved: true, by: "me" },
}
const found: Interrupt.Answer = { interruptId: "lookup", status: "resolved", payload: [1, 2] }

/** Claims a new run and suspends it for these. */
const asking = (
  interrupts: Interrupt.Interrupts,
  { expiresAfter, worker }: { readonly expiresAfter?: "10 seconds"; readonly worker?: Ids.WorkerId } = {},
) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const held = yield* TestRuns.hold(worker ?? (yield* TestRuns.register()))
    yield* leases.suspend(TestRuns.leaseOf(held), { interrupts, expiresAfter })
    return held
  })

const refusalOf = (runId: Ids.RunId, ...answers: Interrupt.Answers) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const error = yield* Effect.flip(runs.resume(runId, answers))
    if (error._tag !== "NotWaiting") return yield* Effect.dieMessage(`Refused with ${error._tag}`)
    const { answered, interruptId, open } = error
    return { answered, interruptId, open }
  })

/** Claims a new run and suspends it for ten seconds. */
const suspended = (worker: Ids.WorkerId, input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const held = yield* TestRuns.hold(worker, input)
    yield* leases.suspend(TestRuns.leaseOf(held), TestRuns.forToolCall("call", "ask", "10 seconds"))
    return held
  })

/** Waits, within a few milliseconds of test time, until the run has failed. */
const failed = (runId: Ids.RunId) =>
  Effect.zipRight(
    TestRuns.settle,
    TestRuns.eventually(TestRuns.getRun(runId), (run) => run.status === "failed", {
      step: "1 millis",
      within: "100 millis",
    }),
  )

/**
 * Declares the tests of runs that wait.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Waiting (${name})`, () => {
    test(
      "a wait ends at its very moment: the run fails, its log closed and its error naming the tool",
      Effect.gen(function* () {
        const { runId } = yield* suspended(yield* TestRuns.register())
        const { waiting } = yield* TestRuns.getRun(runId)
        deepStrictEqual(waiting, {
          interrupts: [{ ...Interrupt.ofToolCall("call", "ask"), expiresAt: at(10_000) }],
          answers: [],
          expiresAt: at(10_000),
        })
        yield* TestClock.adjust("9999 millis")
        yield* TestRuns.settle
        strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")

        yield* TestClock.adjust("1 millis")
        const run = yield* failed(runId)
        // By a store that asks another process, time may have moved on before it could.
        const finishedAt = run.finishedAt?.epochMillis ?? 0
        assertTrue(finishedAt >= 10_000 && finishedAt <= 10_100)
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
            expiresAt: "1970-01-01T00:00:10.000Z",
          },
        ])
        strictEqual(events[3]!["code"], "wait_expired")
      }),
    )

    test(
      "an answer at the last moment is in the next claim's snapshot, and the wait is over",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* suspended(worker)
        yield* TestClock.adjust("9999 millis")
        const resumed = yield* runs.resume(runId, answer)
        strictEqual(resumed.run.waiting, null)
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          again.snapshot?.messages.map(({ parts }) => parts),
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
      "an answer at the moment of expiry or later is refused, and changes nothing",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* suspended(yield* TestRuns.register())
        yield* TestClock.adjust("10 seconds")
        strictEqual(yield* TestRuns.verdictOf(runs.resume(runId, answer)), "NotWaiting")
        const run = yield* failed(runId)
        yield* TestClock.adjust("10 seconds")
        strictEqual(yield* TestRuns.verdictOf(runs.resume(runId, answer)), "NotWaiting")
        deepStrictEqual(yield* TestRuns.getRun(runId), run)
      }),
    )

    test(
      "a run cancelled while it waits stays cancelled when its wait would have expired",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* suspended(yield* TestRuns.register())
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
      "the lane stays held while a run waits, and goes on once the wait has expired",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const first = yield* suspended(worker, { concurrencyKey: "lane" })
        const second = yield* TestRuns.submit({ concurrencyKey: "lane" })
        yield* TestClock.adjust("9999 millis")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* TestClock.adjust("1 millis")
        strictEqual((yield* TestRuns.claimOne(worker)).runId, second.runId)
        strictEqual((yield* TestRuns.getRun(first.runId)).status, "failed")
      }),
    )

    test(
      "a second wait of the same run has a time of its own, or none",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* suspended(worker)
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
        strictEqual((yield* TestRuns.claimOne(worker)).snapshot?.messages.length, 2)
      }),
    )

    test(
      "the log and the run tell all that is asked, with nothing lost",
      Effect.gen(function* () {
        const timed = { ...lookup, expiresAt: at(3_600_000) }
        const { runId } = yield* asking([approval, timed])
        const run = yield* TestRuns.getRun(runId)
        deepStrictEqual(run.waiting, {
          interrupts: [approval, timed],
          answers: [],
          expiresAt: at(3_600_000),
        })
        const last = (yield* TestRuns.eventsOf(runId)).at(-1)
        deepStrictEqual(last?.["outcome"], {
          type: "interrupt",
          interrupts: [approval, { ...lookup, expiresAt: "1970-01-01T01:00:00.000Z" }],
        })
      }),
    )

    test(
      "an answer is kept until the last is there, and all are in the next claim's snapshot",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* asking([approval, lookup], { worker })
        const first = yield* runs.resume(runId, [found])
        strictEqual(first.run.status, "waiting")
        deepStrictEqual(first.run.waiting, {
          interrupts: [approval, lookup],
          answers: [found],
          expiresAt: null,
        })
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        strictEqual((yield* runs.resume(runId, [yes])).run.status, "pending")

        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(again.snapshot?.resume, [found, yes])
        deepStrictEqual(
          again.snapshot?.messages.map(({ role, parts }) => ({ role, parts })),
          [
            {
              role: "tool",
              parts: [{ type: "tool_result", toolCallId: "call-lookup", result: [1, 2] }],
            },
          ],
        )
      }),
    )

    test(
      "several answers may come at once, and a declined one says so",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* asking([approval, lookup], { worker })
        const declined: Interrupt.Answer = { interruptId: "lookup", status: "cancelled" }
        const resumed = yield* runs.resume(runId, [yes, declined])
        strictEqual(resumed.duplicate, false)
        strictEqual(resumed.run.waiting, null)
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(again.snapshot?.resume, [yes, declined])
        deepStrictEqual(again.snapshot?.messages[0]?.parts, [
          { type: "tool_result", toolCallId: "call-lookup", result: "cancelled", isError: true },
        ])
      }),
    )

    test(
      "a refusal says which interrupts are open, and nothing of what was sent with it is kept",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* asking([approval, lookup])
        const wrong: Interrupt.Answer = { ...yes, interruptId: "other" }
        deepStrictEqual(yield* refusalOf(runId, yes, wrong), {
          answered: false,
          interruptId: "other",
          open: ["approval", "lookup"],
        })
        deepStrictEqual((yield* TestRuns.getRun(runId)).waiting?.answers, [])
        yield* runs.resume(runId, [yes])
        const no = { ...yes, payload: { approved: false } }
        deepStrictEqual(yield* refusalOf(runId, found, no), {
          answered: true,
          interruptId: "approval",
          open: ["lookup"],
        })
        deepStrictEqual((yield* TestRuns.getRun(runId)).waiting?.answers, [yes])
        yield* runs.resume(runId, [found])
        deepStrictEqual(yield* refusalOf(runId, wrong), { answered: false, interruptId: "other", open: [] })
        deepStrictEqual(yield* refusalOf(runId, no), { answered: true, interruptId: "approval", open: [] })
      }),
    )

    test(
      "two answers to one interrupt in one request are refused, unless they are the same",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* asking([approval])
        const no = { ...yes, payload: { approved: false } }
        strictEqual((yield* refusalOf(runId, yes, no)).answered, true)
        strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
        strictEqual((yield* runs.resume(runId, [yes, yes])).run.status, "pending")
      }),
    )

    test(
      "the same answers again are a duplicate, before the last and after, and change nothing",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* asking([approval, lookup], { worker })
        yield* runs.resume(runId, [yes])
        strictEqual((yield* runs.resume(runId, [yes])).duplicate, true)
        strictEqual((yield* runs.resume(runId, [yes, found])).duplicate, false)
        strictEqual((yield* runs.resume(runId, [yes, found])).duplicate, true)
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(again.snapshot?.resume, [yes, found])
        yield* TestRuns.complete(again)
        strictEqual((yield* runs.resume(runId, [found])).duplicate, true)
      }),
    )

    test(
      "an interrupt answers to the tool call that it names",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* asking([lookup], { worker })
        const byCall = TestRuns.resultOf("call-lookup", [1, 2])
        yield* runs.resume(runId, byCall)
        strictEqual((yield* runs.resume(runId, byCall)).duplicate, true)
        strictEqual((yield* runs.resume(runId, [found])).duplicate, true)
        deepStrictEqual((yield* TestRuns.claimOne(worker)).snapshot?.resume, [found])
      }),
    )

    test(
      "the first open interrupt that expires fails the run, and one that is answered does not",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* asking([
          { ...approval, expiresAt: at(10_000) },
          { ...lookup, expiresAt: at(20_000) },
          { ...approval, id: "open" },
        ])
        strictEqual((yield* TestRuns.getRun(runId)).waiting?.expiresAt?.epochMillis, 10_000)
        yield* runs.resume(runId, [yes])
        strictEqual((yield* TestRuns.getRun(runId)).waiting?.expiresAt?.epochMillis, 20_000)
        yield* TestClock.adjust("19999 millis")
        yield* TestRuns.settle
        strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
        yield* TestClock.adjust("1 millis")
        const run = yield* failed(runId)
        strictEqual(run.error?.code, "wait_expired")
        assertTrue(run.error!.message.includes("look_up"))
      }),
    )

    test(
      "a run is not failed by an expiry that it was answered before, when the rest has all the time",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* asking([{ ...approval, expiresAt: at(10_000) }, lookup])
        yield* runs.resume(runId, [yes])
        strictEqual((yield* TestRuns.getRun(runId)).waiting?.expiresAt, null)
        yield* TestClock.adjust("1 minute")
        yield* TestRuns.settle
        strictEqual((yield* runs.resume(runId, [found])).run.status, "pending")
      }),
    )
  })
}
