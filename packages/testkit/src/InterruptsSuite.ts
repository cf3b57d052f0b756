/** What a run with interrupts must do: record them in full, collect answers until all are there, and refuse others. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Answerer } from "@runlease/core/AnswerEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Edits from "@runlease/core/Edits"
import * as Ids from "@runlease/core/Ids"
import type * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { EventId } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

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
  toolArguments: { of: [900, "cents"], at: null },
  clientTool: true,
}
const editable: Interrupt.Interrupt = {
  id: "refund",
  reason: "confirmation",
  responseSchema: Edits.approvalSchemaOf({ type: "object", properties: { euros: { type: "number" } } }),
}
const password = { type: "string", format: "password", writeOnly: true }
const account: Interrupt.Interrupt = {
  id: "account",
  reason: "input_required",
  responseSchema: {
    type: "object",
    properties: { user: { type: "string" }, password, codes: { type: "array", items: password } },
  },
}
const answerOf = (payload: unknown): Interrupt.Answer => ({
  interruptId: "account",
  status: "resolved",
  payload,
})
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

/** Claims a new run and suspends it for the interrupts. */
const waitingRun = (
  interrupts: Interrupt.Interrupts,
  { expiresAfter, worker }: { readonly expiresAfter?: "10 seconds"; readonly worker?: Ids.WorkerId } = {},
) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const claimed = yield* TestRuns.hold(worker ?? (yield* TestRuns.register()))
    yield* leases.suspend(TestRuns.leaseOf(claimed), { interrupts, expiresAfter })
    return claimed
  })

const refusalOf = (runId: Ids.RunId, ...answers: Interrupt.Answers) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const error = yield* Effect.flip(runs.resume(runId, answers))
    if (error._tag !== "NotWaiting") return yield* Effect.dieMessage(`Refused with ${error._tag}`)
    const { answered, interruptId, open } = error
    return { answered, interruptId, open }
  })

/** Declares the tests of interrupts and their answers. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Interrupts (${name})`, () => {
    test(
      "the log and the run contain the interrupts in full",
      Effect.gen(function* () {
        const expiresAt = yield* TestRuns.after("1 hour")
        const timed = { ...lookup, expiresAt }
        const { runId } = yield* waitingRun([approval, timed])
        const run = yield* TestRuns.getRun(runId)
        deepStrictEqual(run.waiting, {
          interrupts: [approval, timed],
          answers: [],
          expiresAt,
        })
        const last = (yield* TestRuns.eventsOf(runId)).at(-1)
        deepStrictEqual(last?.["outcome"], {
          type: "interrupt",
          interrupts: [approval, { ...lookup, expiresAt: DateTime.formatIso(expiresAt) }],
        })
      }),
    )

    test(
      "answers are stored until the last one, and the next claim's snapshot contains all",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* waitingRun([approval, lookup], { worker })
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
      "an approval has edits where its question allows them, and the log then says what was answered",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* waitingRun([editable, approval])
        for (const [interruptId, payload] of [
          ["approval", { approved: true, editedArgs: { euros: 30 } }],
          ["refund", { approved: false, editedArgs: { euros: 30 } }],
          ["refund", { approved: true, editedArgs: { note: "x".repeat(70_000) } }],
        ] as const) {
          const error = yield* Effect.flip(runs.resume(runId, [{ interruptId, status: "resolved", payload }]))
          assertTrue(error._tag === "AnswerRefused")
          deepStrictEqual([error.field, error.interruptId], ["payload.editedArgs", interruptId])
        }
        const whole = yield* TestRuns.getRun(runId)
        deepStrictEqual([whole.status, whole.waiting?.answers], ["waiting", []])
        const edited: Interrupt.Answer = {
          interruptId: "refund",
          status: "resolved",
          payload: { approved: true, reason: "Not all of it", editedArgs: { euros: 30 } },
        }
        strictEqual((yield* runs.resume(runId, [edited])).run.status, "waiting")
        strictEqual((yield* runs.resume(runId, [edited])).duplicate, true)
        strictEqual((yield* runs.resume(runId, [yes])).run.status, "pending")
        const answered = (yield* TestRuns.eventsOf(runId)).flatMap(({ name, value }) =>
          name === "runlease.answered" ? (value as { readonly answers: unknown }).answers : [],
        )
        deepStrictEqual(answered, [
          {
            interrupt_id: "refund",
            approved: true,
            reason: "Not all of it",
            edited_args: { euros: 30 },
          },
          { interrupt_id: "approval", approved: true },
        ])
      }),
    )

    test(
      "the log says who answered which questions, and nothing of the results of calls that a client makes",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const named = { interruptId: "name", status: "resolved", payload: "ann" } as const
        const answersIn = (id: Ids.RunId) =>
          Effect.map(TestRuns.eventsOf(id), (events) =>
            events.flatMap(({ name, value }) => (name === "runlease.answered" ? [value] : [])),
          )
        // Over HTTP the answerer is the key of the request, whatever the client says.
        const { runId: unnamed } = yield* waitingRun([{ ...account, id: "name" }], { worker })
        yield* runs.resume(unnamed, [named])
        yield* runs.cancel(unnamed)
        const [{ by: key } = {}] = (yield* answersIn(unnamed)) as ReadonlyArray<{ readonly by?: string }>
        assertTrue(key === undefined || /^API key [0-9a-f-]{36}$/.test(key))
        const { runId } = yield* waitingRun([approval, lookup, account], { worker })
        const declined = { interruptId: "account", status: "cancelled" } as const
        const ada = Effect.provideService(Answerer, "ada")
        yield* ada(runs.resume(runId, [found]))
        yield* ada(
          runs.resume(runId, [declined, { ...yes, payload: { approved: false, reason: "Too late" } }]),
        )
        yield* runs.cancel(runId)
        const { runId: followed } = yield* waitingRun([{ ...account, id: "name" }], { worker })
        yield* runs
          .followUp(followed, {
            publicId: Ids.RunId.make("next"),
            resume: [named],
            results: [],
            snapshot: RequestSnapshot.fromText("go on"),
          })
          .pipe(Effect.provideService(Answerer, "grace"))
        deepStrictEqual(yield* answersIn(runId), [
          {
            by: key ?? "ada",
            answers: [
              { interrupt_id: "account", declined: true },
              { interrupt_id: "approval", approved: false, reason: "Too late" },
            ],
          },
        ])
        deepStrictEqual(yield* answersIn(followed), [
          { by: key ?? "grace", answers: [{ interrupt_id: "name" }] },
        ])
      }),
    )

    test(
      "no request brings answers of its own: not a run, one of many, a child, or a run that is done again from the start",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const snapshot = { ...RequestSnapshot.empty, resume: [yes] }
        const forged = TestRuns.submission({ snapshot })
        const parent = yield* TestRuns.hold(worker)
        const child = { stepId: "s", name: "s", submission: { ...forged, publicId: "child" } }
        const [together] = yield* runs.submitMany([forged])
        const errors = yield* Effect.all([
          Effect.flip(runs.submit(forged)),
          Effect.flip(together!),
          Effect.flip(leases.spawn(TestRuns.leaseOf(parent), child)),
        ])
        for (const error of errors) {
          strictEqual(error._tag === "InvalidSubmission" && error.field.endsWith("snapshot.resume"), true)
        }

        const { runId } = yield* waitingRun([approval], { worker })
        yield* runs.resume(runId, [yes])
        yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
        yield* runs.retry(runId, { fromStart: true })
        yield* runs.fork(runId, { after: EventId.make(1) })
        for (const _ of ["retried", "forked"]) {
          const again = yield* TestRuns.claimOne(worker)
          deepStrictEqual(again.snapshot.resume ?? [], [])
          yield* TestRuns.complete(again)
        }
      }),
    )

    test(
      "one request may contain several answers, some of them declined",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* waitingRun([approval, lookup], { worker })
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
      "a refusal names the open interrupts and stores no answer of its request",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* waitingRun([approval, lookup])
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
      "two different answers to one interrupt in one request are refused",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* waitingRun([approval])
        const no = { ...yes, payload: { approved: false } }
        strictEqual((yield* refusalOf(runId, yes, no)).answered, true)
        strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
        strictEqual((yield* runs.resume(runId, [yes, yes])).run.status, "pending")
      }),
    )

    test(
      "repeated answers are duplicates and change nothing, before the last answer and after it",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* waitingRun([approval, lookup], { worker })
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
      "an answer may name the tool call of its interrupt",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* waitingRun([lookup], { worker })
        const byCall = TestRuns.resultOf("call-lookup", [1, 2])
        yield* runs.resume(runId, byCall)
        strictEqual((yield* runs.resume(runId, byCall)).duplicate, true)
        strictEqual((yield* runs.resume(runId, [found])).duplicate, true)
        // Answers that differ in metadata alone are equal, and the first one stays.
        const { metadata: _metadata, ...first } = found
        deepStrictEqual((yield* TestRuns.claimOne(worker)).snapshot.resume, [first])
      }),
    )

    test(
      "secret parts of an answer are sealed, and the claim of the run has them",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* waitingRun([account, approval], { worker })
        const given = answerOf({ user: "ada", password: "hunter2", codes: ["a1", "b2"] })
        yield* runs.resume(runId, [given])
        const partly = yield* TestRuns.getRun(runId)
        const shown = JSON.stringify(partly)
        deepStrictEqual(
          ["hunter2", "a1", "b2", "ada"].map((part) => shown.includes(`"${part}"`)),
          [false, false, false, true],
        )
        strictEqual((yield* runs.resume(runId, [given])).duplicate, true)
        const other = answerOf({ user: "ada", password: "hunter3", codes: ["a1", "b2"] })
        deepStrictEqual(yield* refusalOf(runId, other), {
          answered: true,
          interruptId: "account",
          open: ["approval"],
        })
        yield* runs.resume(runId, [yes])
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          again.snapshot.resume?.map(({ payload }) => payload),
          [given.payload, yes.payload],
        )
      }),
    )

    test(
      "a sealed part opens nowhere else",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* waitingRun([account, { ...account, id: "second" }], { worker })
        yield* runs.resume(runId, [answerOf({ password: "hunter2" })])
        const [{ payload }] = (yield* TestRuns.getRun(runId)).waiting!.answers as [Interrupt.Answer]
        const { password } = payload as { readonly password: string }
        yield* runs.resume(runId, [{ ...answerOf({ user: password }), interruptId: "second" }])
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          again.snapshot.resume?.map(({ payload }) => payload),
          [{ password: "hunter2" }, { user: null }],
        )
      }),
    )

    test(
      "an open interrupt that expires fails the run, and an answered one does not",
      Effect.gen(function* () {
        const runs = yield* Runs
        const [first, second] = [yield* TestRuns.after("10 seconds"), yield* TestRuns.after("20 seconds")]
        const { runId } = yield* waitingRun([
          { ...approval, expiresAt: first },
          { ...lookup, expiresAt: second },
          { ...approval, id: "open" },
        ])
        deepStrictEqual((yield* TestRuns.getRun(runId)).waiting?.expiresAt, first)
        yield* runs.resume(runId, [yes])
        deepStrictEqual((yield* TestRuns.getRun(runId)).waiting?.expiresAt, second)
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
      "an answered interrupt does not fail the run when the others never expire",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* waitingRun([
          { ...approval, expiresAt: yield* TestRuns.after("10 seconds") },
          lookup,
        ])
        yield* runs.resume(runId, [yes])
        strictEqual((yield* TestRuns.getRun(runId)).waiting?.expiresAt, null)
        yield* TestClock.adjust("1 minute")
        yield* TestRuns.settle
        strictEqual((yield* runs.resume(runId, [found])).run.status, "pending")
      }),
    )
  })
}
