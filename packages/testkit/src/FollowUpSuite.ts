/**
 * What the next input of a run's client must make of a run that waits, by whatever name it comes again.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { FollowUp } from "@runlease/core/FollowUp"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import type { RequestSnapshot, SnapshotMessage } from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Fiber, type Layer, Stream, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const id = (name: string) => Ids.RunId.make(name)

const clientCall = (toolCallId: string): Interrupt.Interrupt => ({
  ...Interrupt.ofToolCall(toolCallId, "look_up"),
  clientTool: true,
})

const approval: Interrupt.Interrupt = { id: "approval", reason: "confirmation" }
const yes: Interrupt.Answer = { interruptId: "approval", status: "resolved", payload: true }

const said = (messageId: string, text: string): SnapshotMessage => ({
  id: messageId,
  role: "user",
  parts: [{ type: "text", text }],
})
const called = (...toolCallIds: ReadonlyArray<string>): SnapshotMessage => ({
  id: "called",
  role: "assistant",
  parts: toolCallIds.map((toolCallId) => ({
    type: "tool_call",
    toolCallId,
    toolName: "look_up",
    args: "{}",
  })),
})
const resultMessage = (toolCallId: string, result: unknown): SnapshotMessage => ({
  id: `result-${toolCallId}`,
  role: "tool",
  parts: [{ type: "tool_result", toolCallId, result }],
})

const snapshotOf = (
  messages: ReadonlyArray<SnapshotMessage>,
  more: Partial<RequestSnapshot> = {},
): RequestSnapshot => ({ messages, tools: [], context: [], protocol: "ag-ui", ...more })

/** An input that tells the results of these calls, and more. */
const input = (
  publicId: string,
  results: Readonly<Record<string, unknown>>,
  {
    more = [],
    resume = [],
    ...snapshot
  }: Partial<RequestSnapshot> & {
    readonly more?: ReadonlyArray<SnapshotMessage>
    readonly resume?: ReadonlyArray<Interrupt.Answer>
  } = {},
): FollowUp => ({
  publicId: id(publicId),
  resume,
  results: Object.entries(results).map(([toolCallId, result]) => Interrupt.toolResult(toolCallId, result)),
  snapshot: snapshotOf(
    [
      said("m1", "look"),
      called("a", "b"),
      ...Object.entries(results).map(([toolCallId, result]) => resultMessage(toolCallId, result)),
      ...more,
    ],
    snapshot,
  ),
})

const inputsOf = (runId: Ids.RunId) => Effect.flatMap(Runs, (runs) => runs.inputs(runId))

/** Submits a run as a client of that protocol does, claims it and suspends it for these. */
const asking = (
  publicId: string,
  interrupts: Interrupt.Interrupts,
  options: {
    readonly worker: Ids.WorkerId
    readonly submission?: Partial<SubmissionInput>
    readonly expiresAfter?: "10 seconds"
  },
) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const held = yield* TestRuns.hold(options.worker, {
      publicId,
      snapshot: snapshotOf([said("m1", "look")]),
      ...options.submission,
    })
    yield* leases.suspend(TestRuns.leaseOf(held), { interrupts, expiresAfter: options.expiresAfter })
    return held
  })

/** What became of a follow-up, in a line. */
const follow = (runId: Ids.RunId, followUp: FollowUp) =>
  Effect.flatMap(Runs, (runs) =>
    Effect.match(runs.followUp(runId, followUp), {
      onSuccess: (result) =>
        result._tag === "Continued"
          ? `${result.duplicate ? "Again" : "Continued"} after ${result.since}`
          : result._tag === "Uncovered"
            ? `Uncovered ${result.open.join()}`
            : `${result._tag} ${result.run.status}`,
      onFailure: ({ _tag }) => _tag,
    }),
  )

const status = (runId: Ids.RunId) => Effect.map(TestRuns.getRun(runId), (run) => run.status)

/** The messages as a line each. */
const linesOf = ({ messages }: RequestSnapshot) =>
  messages.map(
    ({ parts, role }) =>
      `${role}: ${parts.map((part) => part["text"] ?? JSON.stringify(part["result"] ?? part["toolCallId"])).join(", ")}`,
  )

/**
 * Declares the tests of follow-up inputs.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Follow-up inputs (${name})`, () => {
    test(
      "with all results make the run go on with the whole input",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a"), clientCall("b")], { worker })
        const { latestEventId } = yield* TestRuns.getRun(held.runId)
        const next = input(
          "second",
          { a: 1, b: "two" },
          {
            more: [said("m2", "and then?")],
            tools: [{ name: "look_up" }],
            context: [{ description: "page", value: "7" }],
            state: { n: 1 },
            forwardedProps: { p: 1 },
          },
        )
        deepStrictEqual(yield* inputsOf(held.runId), [])
        strictEqual(yield* follow(held.runId, next), `Continued after ${latestEventId}`)
        deepStrictEqual(yield* inputsOf(held.runId), [{ publicId: id("second"), since: latestEventId }])
        deepStrictEqual(yield* inputsOf(id("unknown")), [])
        strictEqual(yield* status(held.runId), "pending")

        const again = yield* TestRuns.claimOne(worker)
        strictEqual(again.runId, held.runId)
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
      "without messages change nothing but the answers",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a")], {
          worker,
          submission: {
            snapshot: snapshotOf([said("m1", "look")], { state: { n: 1 }, tools: [{ name: "t" }] }),
          },
        })
        const resume = [Interrupt.toolResult("a", 5)]
        yield* follow(held.runId, { publicId: id("second"), resume, results: [], snapshot: snapshotOf([]) })
        const { snapshot } = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          [linesOf(snapshot), snapshot.state, snapshot.tools],
          [["user: look", "tool: 5"], { n: 1 }, [{ name: "t" }]],
        )
      }),
    )

    test(
      "keep the results that the run was given otherwise, each behind its call",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a"), clientCall("b"), approval], { worker })
        yield* runs.resume(held.runId, TestRuns.resultOf("a", "other"))
        const next = input("second", { b: 2 }, { resume: [yes], more: [said("m2", "so?")] })
        assertTrue((yield* follow(held.runId, next)).startsWith("Continued"))
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
      "leave alone what the agent itself told of a call that needed a yes",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [{ ...approval, toolCallId: "a" }], { worker })
        yield* runs.resume(held.runId, [yes])
        const again = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(again), { interrupts: [clientCall("b")] })
        yield* follow(held.runId, input("second", { a: "done", b: 2 }))
        const { snapshot } = yield* TestRuns.claimOne(worker)
        deepStrictEqual(linesOf(snapshot).slice(2), ['tool: "done"', "tool: 2"])
      }),
    )

    test(
      "name the run, which is read, followed, cancelled and answered by their ids",
      Effect.gen(function* () {
        const runs = yield* Runs
        const log = yield* RunLog
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a")], { worker })
        yield* follow(held.runId, input("second", { a: 1 }))
        strictEqual((yield* runs.get(id("second"))).runId, held.runId)
        deepStrictEqual(yield* TestRuns.eventsOf(id("second")), yield* TestRuns.eventsOf(held.runId))
        const again = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(again), { interrupts: [approval] })
        strictEqual((yield* runs.resume(id("second"), [yes])).run.runId, held.runId)
        const followed = yield* TestRuns.start(Stream.runCount(log.follow({ runId: id("second") })))
        const { cancelled, run } = yield* runs.cancel(id("second"))
        deepStrictEqual([cancelled, run.runId, run.status], [true, held.runId, "cancelled"])
        strictEqual(yield* Fiber.join(followed), run.latestEventId)
        strictEqual((yield* runs.complete(id("second"), { status: "failed" })).completed, false)
        strictEqual(yield* TestRuns.verdictOf(runs.get(id("third"))), "RunNotFound")
      }),
    )

    test(
      "are duplicates under their id, and refused when they are others",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a")], { worker })
        const other = yield* asking("other", [clientCall("a")], { worker })
        const next = input("second", { a: 1 })
        const went = yield* follow(held.runId, next)
        const again = went.replace("Continued", "Again")
        strictEqual(yield* follow(held.runId, next), again)
        yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
        strictEqual(yield* follow(held.runId, next), again)
        strictEqual(
          yield* follow(held.runId, {
            ...next,
            snapshot: { ...next.snapshot, traceContext: { traceId: "t", spanId: "s", traceFlags: 0 } },
          }),
          again,
        )
        for (const conflict of [
          follow(held.runId, input("second", { a: 2 })),
          follow(held.runId, input("first", { a: 1 })),
          follow(other.runId, next),
          follow(other.runId, input("first", { a: 1 })),
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
      "answer a question under the id of the part that asked it, which goes on to name that part",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [approval], { worker })
        const answered = input("first", {}, { resume: [yes] })
        assertTrue((yield* follow(held.runId, answered)).startsWith("Continued"))
        strictEqual(yield* follow(held.runId, answered), "Answered pending")
        deepStrictEqual(yield* inputsOf(held.runId), [])

        const second = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(second), { interrupts: [clientCall("a")] })
        assertTrue((yield* follow(held.runId, input("second", { a: 1 }))).startsWith("Continued"))
        const named = yield* inputsOf(held.runId)

        const third = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(third), { interrupts: [{ ...approval, id: "once more" }] })
        const again = { ...yes, interruptId: "once more" }
        const other = input("second", { a: 1 }, { resume: [{ ...yes, interruptId: "unknown" }] })
        strictEqual(yield* follow(held.runId, other), "SubmissionConflict")
        assertTrue(
          (yield* follow(held.runId, input("second", { a: 1 }, { resume: [again] }))).startsWith("Continued"),
        )
        deepStrictEqual(yield* inputsOf(held.runId), named)
        strictEqual((yield* follow(held.runId, input("second", { a: 1 }))).startsWith("Again"), true)
      }),
    )

    test(
      "stay with their run when the worker that went on with them dies",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a")], { worker })
        yield* follow(held.runId, input("second", { a: 1 }, { more: [said("m2", "and then?")] }))
        const lost = yield* TestRuns.claimOne(worker)
        yield* TestRuns.lapse
        const again = yield* TestRuns.claimOne(yield* TestRuns.register("other"))
        deepStrictEqual([again.runId, again.attempt, again.snapshot], [held.runId, 2, lost.snapshot])
        strictEqual(yield* TestRuns.verdictOf(TestRuns.append(lost, [{ type: "X" }])), "LeaseLost")
        yield* TestRuns.complete(again)
        strictEqual(yield* status(id("second")), "completed")
      }),
    )

    test(
      "race for a run, which one of them has",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a")], { worker })
        const verdicts = yield* Effect.all(
          [
            follow(held.runId, input("x", { a: 1 })),
            follow(held.runId, input("y", { a: 1 })),
            follow(held.runId, input("z", { a: 2 })),
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
          [held.runId],
        )
      }),
    )

    test(
      "without all results complete the run of a client that was told so",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        for (const [index, results] of [{}, { a: 1 }].entries()) {
          const held = yield* asking(`first-${index}`, [clientCall("a"), clientCall("b")], { worker })
          const next = input(`second-${index}`, results, { more: [said("m2", "never mind")] })
          strictEqual(yield* follow(held.runId, next), "Left completed")
          const last = (yield* TestRuns.eventsOf(held.runId)).at(-1)
          strictEqual(TestRuns.outcomeOf(last), "success")
          strictEqual(yield* TestRuns.verdictOf(runs.get(next.publicId)), "RunNotFound")
        }
      }),
    )

    test(
      "without all results leave a run to wait that was submitted or answered otherwise",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const plain = yield* asking("plain", [clientCall("a")], {
          worker,
          submission: { snapshot: { messages: [], tools: [], context: [] } },
        })
        strictEqual(yield* follow(plain.runId, input("x", {})), "Left waiting")
        assertTrue((yield* follow(plain.runId, input("y", { a: 1 }))).startsWith("Continued"))
        const ofClient = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(ofClient), { interrupts: [clientCall("b")] })
        yield* runs.resume(plain.runId, TestRuns.resultOf("b", 1))
        const ofOther = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(ofOther), { interrupts: [clientCall("c")] })
        strictEqual(yield* follow(plain.runId, input("z", {})), "Left waiting")
      }),
    )

    test(
      "must answer every question; a call that is no question may be left out beside one",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a"), approval, clientCall("b")], { worker })
        strictEqual(yield* follow(held.runId, input("x", { a: 1, b: 2 })), "Uncovered approval")
        strictEqual(yield* status(held.runId), "waiting")
        const next = input("y", { a: 1 }, { resume: [yes] })
        assertTrue((yield* follow(held.runId, next)).startsWith("Continued"))
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
      "may answer a call by its entry, which goes before what a message tells",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [{ ...clientCall("a"), id: "ask-a" }], { worker })
        const entry: Interrupt.Answer = {
          interruptId: "a",
          status: "resolved",
          payload: "entry",
          metadata: { device: "phone" },
        }
        yield* follow(held.runId, input("x", { a: "message" }, { resume: [entry] }))
        const { snapshot } = yield* TestRuns.claimOne(worker)
        deepStrictEqual(snapshot.resume, [{ ...entry, interruptId: "ask-a" }])
        deepStrictEqual(linesOf(snapshot).slice(2), ['tool: "entry"'])
      }),
    )

    test(
      "are not stopped by entries for nothing, unless they hold nothing else, but by other answers than those given",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [approval, clientCall("a")], { worker })
        const nothing: Interrupt.Answer = { interruptId: "nothing", status: "cancelled" }
        const bare = input("x", {}, { resume: [yes, nothing] })
        strictEqual(
          yield* follow(held.runId, { ...bare, snapshot: { ...bare.snapshot, messages: [] } }),
          "NotWaiting",
        )
        yield* runs.resume(held.runId, [yes])
        const no = { ...yes, payload: false }
        strictEqual(yield* follow(held.runId, input("y", { a: 1 }, { resume: [no] })), "NotWaiting")
        strictEqual(yield* status(held.runId), "waiting")
        const next = input("z", { a: 1 }, { resume: [yes, nothing] })
        assertTrue((yield* follow(held.runId, next)).startsWith("Continued"))
        strictEqual(yield* follow(held.runId, input("z", { a: 1 }, { resume: [no] })), "NotWaiting")
        strictEqual(yield* follow(held.runId, input("again", {}, { resume: [yes] })), "Answered pending")
        const { publicId, ...same } = next
        strictEqual(publicId, "z")
        assertTrue((yield* follow(held.runId, { ...same, publicId: id("z2") })).startsWith("Again"))
        strictEqual((yield* runs.get(id("z2"))).runId, held.runId)
      }),
    )

    test(
      "come too late once the wait has expired or the run has ended",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* asking("first", [clientCall("a")], { worker, expiresAfter: "10 seconds" })
        yield* TestClock.adjust("10 seconds")
        strictEqual(yield* follow(held.runId, input("second", { a: 1 })), "Left failed")
        strictEqual((yield* TestRuns.getRun(held.runId)).error?.code, "wait_expired")
        const other = yield* asking("other", [clientCall("a")], { worker })
        yield* runs.cancel(other.runId)
        strictEqual(yield* follow(other.runId, input("third", { a: 1 })), "Left cancelled")
      }),
    )
  })
}
