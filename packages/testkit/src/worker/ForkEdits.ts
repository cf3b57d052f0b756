/** Tests of forks with edits: what a fork has in place of what its run had. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  Emit,
  Executor,
  Ids,
  Interrupts,
  Leases,
  RequestSnapshot,
  Run,
  RunEdits,
  RunLog,
  Runs,
  Step,
} from "@runlease/core"
import { Effect, Option, Ref, Schema, Stream } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, start, submit, untilStatus, untilSuspended } from "../TestWorker.js"
import { counting, textsOf } from "./StepRuns.js"

const fork = (runId: Ids.RunId, after: number, edits: ReadonlyArray<RunEdits.Edit>, publicId?: string) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.fork(runId, { after: Run.EventId.make(after), edits, publicId }))

/** The field and the words of a refusal. */
const refusalOf = (runId: Ids.RunId, after: number, edits: ReadonlyArray<RunEdits.Edit>) =>
  Effect.map(Effect.flip(fork(runId, after, edits)), (error) =>
    error._tag === "EditRefused" ? `${error.field}: ${error.message}` : error._tag,
  )

const listed = (runId: Ids.RunId) =>
  Effect.map(log(runId), ([, first]) =>
    Option.match(first === undefined ? Option.none() : RunEdits.fromEvent(first), {
      onNone: () => [],
      onSome: ({ edits }) => edits,
    }),
  )

const whole = (runId: Ids.RunId) => Effect.flatMap(RunLog.RunLog, (all) => all.read({ runId, limit: 1000 }))

/** A program with each kind of value that a fork edits, whose text at the end is all of them. */
const program = Effect.gen(function* () {
  const { count, next } = yield* counting
  yield* start(
    Executor.from(({ agentId, snapshot }) =>
      Effect.gen(function* () {
        const found = yield* Step.run("search", Effect.as(next, ["a", "b"]))
        const draft = yield* Step.stream("draft", Stream.make("Hello ", "world"))
        const pages = yield* Effect.forEach([1, 2], (page) =>
          Step.run("read", Effect.as(next, page), { key: page }),
        )
        const yes = yield* Interrupts.approve("refund", { message: "Refund it?" })
        yield* Step.run("send", Effect.fail("no network")).pipe(
          Effect.orElse(() => Effect.succeed("not sent")),
          Effect.flatMap((sent) => Emit.text(String(sent))),
        )
        return JSON.stringify([
          agentId,
          RequestSnapshot.lastUserText(snapshot),
          snapshot.input ?? null,
          found,
          draft,
          pages,
          yes,
        ])
      }),
    ),
  )
  return count
})

const original = (input: Partial<Runs.SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const { runId } = yield* submit({
      snapshot: { ...RequestSnapshot.fromText("Long"), input: { pull: 1 } },
      ...input,
    })
    yield* untilSuspended(runId)
    yield* runs.resume(runId, [{ interruptId: "refund", status: "resolved", payload: { approved: true } }])
    return yield* untilStatus(runId, "completed")
  })

/** A run that waits behind an answer of a model with a text and two calls, of which one has a result. */
const withCalls = Effect.gen(function* () {
  const leases = yield* Leases.Leases
  const claimed = yield* TestRuns.hold(yield* TestRuns.register())
  yield* TestRuns.append(claimed, [
    AgentEvent.textStart("m1"),
    AgentEvent.textContent("m1", "I look."),
    AgentEvent.textEnd("m1"),
    AgentEvent.toolCallStart("c1", "search"),
    AgentEvent.toolCallArgs("c1", "{}"),
    AgentEvent.toolCallStart("c2", "charge"),
    AgentEvent.toolCallArgs("c2", "{}"),
    AgentEvent.custom("runlease.step", {
      step_id: "s1",
      record_id: "r1",
      name: "answer",
      key: 0,
      result: '{"continues":true}',
      messages: ["m1"],
      tool_calls: ["c1", "c2"],
    }),
    AgentEvent.toolCallEnd("c1"),
    AgentEvent.toolCallResult("result-c1", "c1", "nothing", { role: "tool" }),
  ])
  yield* leases.suspend(TestRuns.leaseOf(claimed), {
    interrupts: [{ id: "how-much", reason: "input_required", responseSchema: { type: "number" } }],
  })
  return claimed.runId
})

export const tests = (test: Declare): void => {
  test.describe("a fork with edits", () => {
    test.onEachStore(
      "has each edited value as if it was recorded, lists the edits, and leaves its run as it was",
      Effect.gen(function* () {
        const count = yield* program
        const { latestEventId, runId } = yield* original()
        const before = yield* whole(runId)
        const snapshot = yield* Effect.flatMap(Runs.Runs, (runs) => runs.snapshot(runId))
        strictEqual(yield* count, 3)
        const message = before.find(({ event }) => event.type === "TEXT_MESSAGE_START")!.event["messageId"]

        const edits: ReadonlyArray<RunEdits.Edit> = [
          { type: "step", step: "search", result: ["c"] },
          { type: "text", messageId: String(message), text: "Bye" },
          { type: "answer", interruptId: "refund", payload: { approved: false } },
          { type: "message", text: "Shorter" },
          { type: "input", input: { pull: null } },
          { type: "agent", agentId: Ids.AgentId.make("writer") },
          { type: "step", step: "send", result: "sent by hand" },
        ]
        const { duplicate, run: forked } = yield* fork(runId, latestEventId, edits, "edited")
        deepStrictEqual(
          [duplicate, forked.runId, forked.agentId, forked.parentRunId],
          [false, "edited", "writer", runId],
        )
        yield* untilStatus(forked.runId, "completed")
        const texts = yield* textsOf(forked.runId)
        deepStrictEqual(texts.slice(0, 1), ["Bye"])
        strictEqual(
          texts.at(-1),
          JSON.stringify(["writer", "Shorter", { pull: null }, ["c"], "Bye", [1, 2], false]),
        )
        assertTrue(texts.includes("sent by hand"), JSON.stringify(texts))
        // Nothing was done again.
        strictEqual(yield* count, 3)
        deepStrictEqual(
          (yield* listed(forked.runId)).map((edit) => ({ ...edit, step_id: undefined })),
          [
            { type: "step", step: "search", step_id: undefined },
            { type: "text", message_id: String(message), step_id: undefined },
            { type: "answer", interrupt_id: "refund", step_id: undefined },
            { type: "message", step_id: undefined },
            { type: "input", step_id: undefined },
            { type: "agent", agent_id: "writer", before: "agent", step_id: undefined },
            { type: "step", step: "send", step_id: undefined },
          ],
        )

        deepStrictEqual(JSON.stringify(yield* whole(runId)), JSON.stringify(before))
        deepStrictEqual(yield* Effect.flatMap(Runs.Runs, (runs) => runs.snapshot(runId)), snapshot)

        // The public id names this fork alone.
        strictEqual((yield* fork(runId, latestEventId, edits, "edited")).duplicate, true)
        strictEqual(
          yield* TestRuns.verdictOf(fork(runId, latestEventId, edits.slice(1), "edited")),
          "SubmissionConflict",
        )

        // A fork of a fork has the edited records, and lists its own edits alone.
        const { run: third } = yield* fork(forked.runId, 9, [{ type: "message", text: "Longer" }])
        yield* untilSuspended(third.runId)
        deepStrictEqual(yield* listed(third.runId), [{ type: "message" }])
      }),
    )

    test.onEachStore(
      "has the result of a step that was recorded later, and a large one in parts",
      Effect.gen(function* () {
        const count = yield* program
        const { runId } = yield* original()
        const large = "ä".repeat(150_000)
        const { run: forked } = yield* fork(runId, 1, [{ type: "step", step: "search", result: large }])
        yield* untilSuspended(forked.runId)
        // The pages were read again.
        strictEqual(yield* count, 5)
        const parts = (yield* log(forked.runId)).filter(({ name }) => name === "runlease.step")
        assertTrue(parts.length > 4, String(parts.length))
        yield* Effect.flatMap(Runs.Runs, (runs) =>
          runs.resume(forked.runId, [
            { interruptId: "refund", status: "resolved", payload: { approved: true } },
          ]),
        )
        yield* untilStatus(forked.runId, "completed")
        assertTrue(String((yield* textsOf(forked.runId)).join("")).includes(large))
        const { run: again } = yield* fork(forked.runId, 20, [
          { type: "step", step: "search", result: "small" },
        ])
        yield* untilSuspended(again.runId)
        strictEqual(JSON.stringify(yield* log(again.runId)).includes("ä"), false)
      }),
    )

    test.onEachStore(
      "has the result of a call, and the text of an answer, in place of what was there",
      Effect.gen(function* () {
        const runId = yield* withCalls
        const before = JSON.stringify(yield* whole(runId))
        const recorded = 9
        const { run: forked } = yield* fork(runId, recorded + 2, [
          { type: "tool", toolCallId: "c1", result: { hits: 2 } },
          { type: "tool", toolCallId: "c2", result: "declined", isError: true },
          { type: "text", messageId: "m1", text: "I search." },
        ])
        const events = yield* log(forked.runId)
        deepStrictEqual(
          events.map(({ type }) => type),
          [
            "RUN_STARTED",
            "CUSTOM",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_END",
            "TOOL_CALL_START",
            "TOOL_CALL_ARGS",
            "TOOL_CALL_START",
            "TOOL_CALL_ARGS",
            "CUSTOM",
            "TOOL_CALL_END",
            "TOOL_CALL_RESULT",
            "TOOL_CALL_END",
            "TOOL_CALL_RESULT",
          ],
        )
        deepStrictEqual(
          events.flatMap((event) =>
            event.type === "TOOL_CALL_RESULT"
              ? [[event["toolCallId"], event["content"], AgentEvent.isToolCallFailure(event)]]
              : [],
          ),
          [
            ["c1", '{"hits":2}', false],
            ["c2", "declined", true],
          ],
        )
        deepStrictEqual(yield* textsOf(forked.runId), ["I search."])
        strictEqual(JSON.stringify(yield* whole(runId)), before)
      }),
    )

    test.onEachStore(
      "is refused with the place and the reason, and submits nothing",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const runId = yield* withCalls
        const { items: before } = yield* runs.list()
        const { latestEventId } = yield* runs.get(runId)
        const refusals: ReadonlyArray<readonly [ReadonlyArray<RunEdits.Edit>, string]> = [
          [
            [{ type: "step", step: "serach", result: 1 }],
            "edits.0.step: the run has no step of the name or id serach; it has answer",
          ],
          [
            [
              { type: "input", input: 1 },
              { type: "tool", toolCallId: "c3", result: 1 },
            ],
            "edits.1.toolCallId: the run has recorded no call c3 by then; it has c1, c2",
          ],
          [
            [{ type: "text", messageId: "m2", text: "x" }],
            "edits.0.messageId: the run has recorded no text m2 by then; it has m1",
          ],
          [
            [{ type: "message", text: "x" }],
            "edits.0.type: the request of the run has no message of the user",
          ],
          [
            [{ type: "answer", interruptId: "when", payload: 1 }],
            "edits.0.interruptId: the run has posed no question when; it has how-much",
          ],
          [
            [{ type: "answer", interruptId: "how-much", payload: "much" }],
            "edits.0.payload: it is no number",
          ],
          [
            [{ type: "tool", toolCallId: "c1", result: "x".repeat(300_000) }],
            `edits.0.result: must be less than ${RunLog.maxEventBytes} bytes of JSON`,
          ],
          [
            [{ type: "step", step: "s1", result: "x".repeat(8 * 1024 * 1024) }],
            "edits.0.result: with it the results of the run are over 8 MiB of JSON",
          ],
          [
            [
              { type: "input", input: 1 },
              { type: "input", input: 2 },
            ],
            "edits.1: this is edited twice",
          ],
          [
            Array.from({ length: 101 }, () => ({ type: "input", input: 1 }) as const),
            "edits: a fork has at most 100 edits, and not 101",
          ],
        ]
        for (const [edits, refusal] of refusals) {
          strictEqual(yield* refusalOf(runId, latestEventId, edits), refusal)
        }
        strictEqual(
          yield* refusalOf(runId, 2, [{ type: "tool", toolCallId: "c1", result: 1 }]),
          "edits.0.toolCallId: the run has recorded no call c1 by then; it has none",
        )
        deepStrictEqual((yield* runs.list()).items, before)
      }),
    )

    test(
      "names a step by its id where several have its name",
      Effect.gen(function* () {
        const count = yield* program
        const { latestEventId, runId } = yield* original()
        const refusal = yield* refusalOf(runId, latestEventId, [{ type: "step", step: "read", result: 7 }])
        const id = /([0-9a-f]{32}) with key 2/.exec(refusal)?.[1]
        assertTrue(refusal.startsWith("edits.0.step: names 2 steps, so name one by its id: it has "), refusal)
        const { run: forked } = yield* fork(runId, latestEventId, [
          { type: "step", step: String(id), result: 7 },
          { type: "answer", interruptId: "refund", payload: { approved: true } },
        ])
        yield* untilStatus(forked.runId, "completed")
        assertTrue(String((yield* textsOf(forked.runId)).at(-1)).includes("[1,7]"))
        strictEqual(yield* count, 3)
      }),
    )

    test(
      "seals the secrets of an answer, as the run does that is answered",
      Effect.gen(function* () {
        const users = yield* Ref.make<ReadonlyArray<string>>([])
        yield* start(
          Executor.from(() =>
            Effect.flatMap(
              Interrupts.ask("login", {
                message: "Sign in",
                schema: Schema.Struct({ user: Schema.String, token: Interrupts.secret() }),
              }),
              ({ user }) =>
                Effect.as(
                  Ref.update(users, (all) => [...all, user]),
                  "done",
                ),
            ),
          ),
        )
        const { runId } = yield* submit()
        const { latestEventId } = yield* untilSuspended(runId).pipe(
          Effect.zipRight(Effect.flatMap(Runs.Runs, (runs) => runs.get(runId))),
        )
        const edit = (token: string): RunEdits.Edit => ({
          type: "answer",
          interruptId: "login",
          payload: { user: "ann", token },
        })
        const { run: forked } = yield* fork(runId, latestEventId, [edit("s3cret")], "signed-in")
        strictEqual((yield* fork(runId, latestEventId, [edit("0ther")], "signed-in")).duplicate, true)
        const snapshot = yield* Effect.flatMap(Runs.Runs, (runs) => runs.snapshot(forked.runId))
        const text = JSON.stringify([snapshot, yield* log(forked.runId)])
        assertTrue(text.includes("runlease-sealed:"), text)
        assertTrue(!text.includes("s3cret"), text)
        // The run waits, and its lane is that of the fork.
        yield* Effect.flatMap(Runs.Runs, (runs) => runs.cancel(runId))
        yield* untilStatus(forked.runId, "completed")
        deepStrictEqual(yield* Ref.get(users), ["ann"])
      }),
    )
  })
}
