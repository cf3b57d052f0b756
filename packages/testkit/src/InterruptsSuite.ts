/**
 * What a run that asks must do: tell it whole, keep answers until it has all, and refuse what it did not ask.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import type * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

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
  clientTool: true,
}
const yes: Interrupt.Answer = {
  interruptId: "approval",
  status: "resolved",
  payload: { approved: true, by: "me" },
}
const found: Interrupt.Answer = {
  interruptId: "lookup",
  status: "resolved",
  payload: [1, 2],
  metadata: { device: { name: "phone" }, tags: [null] },
}

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

/**
 * Declares the tests of runs that ask.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Interrupts (${name})`, () => {
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
        deepStrictEqual(again.snapshot.resume, [found, yes])
        deepStrictEqual(
          again.snapshot.messages.map(({ role, parts }) => ({ role, parts })),
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
        deepStrictEqual(again.snapshot.resume, [yes, declined])
        deepStrictEqual(again.snapshot.messages[0]?.parts, [
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
        deepStrictEqual(again.snapshot.resume, [yes, found])
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
        // Metadata does not tell answers apart, and the first answer stands.
        const { metadata: _metadata, ...first } = found
        deepStrictEqual((yield* TestRuns.claimOne(worker)).snapshot.resume, [first])
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
        const run = yield* TestRuns.untilFailed(runId)
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
