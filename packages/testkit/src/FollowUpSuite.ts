/** What the next input of a run's client does to a waiting run, and the ids under which it is repeated. */
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

const userMessage = (messageId: string, text: string): SnapshotMessage => ({
  id: messageId,
  role: "user",
  parts: [{ type: "text", text }],
})

const callsMessage = (...toolCallIds: ReadonlyArray<string>): SnapshotMessage => ({
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

/** An input with the results of these calls, and more messages. */
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
      userMessage("m1", "look"),
      callsMessage("a", "b"),
      ...Object.entries(results).map(([toolCallId, result]) => resultMessage(toolCallId, result)),
      ...more,
    ],
    snapshot,
  ),
})

const inputsOf = (runId: Ids.RunId) => Effect.flatMap(Runs, (runs) => runs.inputs(runId))

/** Submits a run as an AG-UI client does, claims it and suspends it for the interrupts. */
const waitingRun = (
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
    const claimed = yield* TestRuns.hold(options.worker, {
      publicId,
      snapshot: snapshotOf([userMessage("m1", "look")]),
      ...options.submission,
    })
    yield* leases.suspend(TestRuns.leaseOf(claimed), { interrupts, expiresAfter: options.expiresAfter })
    return claimed
  })

/** Sends a follow-up input and returns its verdict as one line. */
const sendFollowUp = (runId: Ids.RunId, followUp: FollowUp) =>
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

/** The messages of a snapshot, one line each. */
const linesOf = ({ messages }: RequestSnapshot) =>
  messages.map(
    ({ parts, role }) =>
      `${role}: ${parts.map((part) => part["text"] ?? JSON.stringify(part["result"] ?? part["toolCallId"])).join(", ")}`,
  )

const continuationTests = (test: TestRuns.Test<ProjectPorts>): void => {
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

const identityTests = (test: TestRuns.Test<ProjectPorts>): void => {
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

const coverageTests = (test: TestRuns.Test<ProjectPorts>): void => {
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

/** Declares the tests of follow-up inputs. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Follow-up inputs (${name})`, () => {
    continuationTests(test)
    identityTests(test)
    coverageTests(test)
  })
}
