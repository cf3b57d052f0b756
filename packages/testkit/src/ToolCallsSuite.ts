/** What an attempt can read from the log about the tool calls of the attempts before it. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { ofToolCall, toolResult } from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import * as PastAttempts from "@runlease/core/executor/PastAttempts"
import type { ClaimedRun } from "@runlease/core/Run"
import * as ToolCalls from "@runlease/core/executor/ToolCalls"
import { Runs } from "@runlease/core/Runs"
import { Effect, Fiber, type Layer, Option } from "effect"
import * as TestRuns from "./TestRuns.js"

const callEvents = (id: string, toolName: string, args: string): ReadonlyArray<AgentEvent.LogEvent> => [
  AgentEvent.toolCallStart(id, toolName),
  AgentEvent.toolCallArgs(id, args.slice(0, 3)),
  AgentEvent.toolCallArgs(id, args.slice(3)),
  AgentEvent.toolCallEnd(id),
]

const resultEvent = (id: string, content: string, isError = false): AgentEvent.LogEvent => ({
  type: "TOOL_CALL_RESULT",
  messageId: `result-${id}`,
  toolCallId: id,
  content,
  ...(isError ? { isError } : {}),
})

const textEvents = (id: string, delta: string) => [
  AgentEvent.textStart(id),
  AgentEvent.textContent(id, delta),
  AgentEvent.textEnd(id),
]

/** The next attempt after the holder died: its lease lapses and the worker claims the run again. */
const nextAttempt = (worker: Ids.WorkerId) => Effect.zipRight(TestRuns.lapse, TestRuns.claimOne(worker))

const verdicts = (run: ClaimedRun, toolName: string, args: string) =>
  Effect.map(PastAttempts.read(run), (attempts) => {
    const call = ToolCalls.after(attempts).take({ toolName, args })
    return [call.verdict("pure")._tag, call.verdict("idempotent")._tag, call.verdict("atMostOnce")._tag]
  })

/** Declares the tests of tool calls over the log of `layer`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Tool calls (${name})`, () => {
    test(
      "a first attempt finds no earlier call and executes",
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        deepStrictEqual(yield* ToolCalls.begunBefore(claimed), [])
        deepStrictEqual(yield* verdicts(claimed, "charge", "{}"), ["Execute", "Execute", "Execute"])
      }),
    )

    test(
      "what a record names of a dead attempt is part of the conversation, and its calls do not count as begun",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, [
          ...textEvents("valid", "Hello"),
          ...callEvents("a", "charge", '{"sum":1}'),
          AgentEvent.custom("runlease.step", {
            step_id: "0".repeat(32),
            record_id: "record",
            name: "answer",
            messages: ["valid"],
            tool_calls: ["a"],
          }),
          resultEvent("a", "charged"),
          ...textEvents("broken", "Hel"),
          ...callEvents("b", "charge", '{"sum":1}'),
        ])
        const claimed = yield* nextAttempt(worker)
        const [attempt] = yield* PastAttempts.read(claimed)
        deepStrictEqual(Object.fromEntries(attempt!.calls.map((call) => [call.toolCallId, call.valid])), {
          a: true,
          b: false,
        })
        deepStrictEqual(
          attempt!.validMessages.map(({ parts, role }) => [role, parts.map(({ type }) => type)]),
          [
            ["assistant", ["text", "tool_call"]],
            ["tool", ["tool_result"]],
          ],
        )
        deepStrictEqual([attempt!.records.length, attempt!.customs], [1, []])
        deepStrictEqual(
          (yield* ToolCalls.begunBefore(claimed)).map(({ ordinal, toolCallId }) => [toolCallId, ordinal]),
          [["b", 2]],
        )
      }),
    )

    test(
      "a call that a dead attempt began without a result is uncertain, under any id and order of keys",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, callEvents("a", "charge", '{"to":"me","sum":1}'))
        const claimed = yield* nextAttempt(worker)
        deepStrictEqual(yield* ToolCalls.begunBefore(claimed), [
          {
            toolCallId: "a",
            toolName: "charge",
            args: '{"to":"me","sum":1}',
            ended: true,
            valid: false,
            result: Option.none(),
            ordinal: 1,
          },
        ])
        const same = '{ "sum": 1, "to": "me" }'
        deepStrictEqual(yield* verdicts(claimed, "charge", same), ["Execute", "Execute", "Uncertain"])
        deepStrictEqual(yield* verdicts(claimed, "charge", '{"sum":2,"to":"me"}'), [
          "Execute",
          "Execute",
          "Execute",
        ])
        deepStrictEqual(yield* verdicts(claimed, "refund", same), ["Execute", "Execute", "Execute"])
      }),
    )

    test(
      "a call whose arguments the executor did not finish was not made, although the control plane closed it",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, callEvents("a", "charge", '{"sum":1}').slice(0, -1))
        const claimed = yield* nextAttempt(worker)
        assertTrue((yield* TestRuns.typesOf(claimed.runId)).includes("TOOL_CALL_END"))
        const [call] = yield* ToolCalls.begunBefore(claimed)
        strictEqual(call?.ended, false)
        deepStrictEqual(yield* verdicts(claimed, "charge", '{"sum":1}'), ["Execute", "Execute", "Execute"])
      }),
    )

    test(
      "a recorded result is reused, also after a further attempt died",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, [...callEvents("a", "charge", '{"sum":1}'), resultEvent("a", "paid")])
        const second = yield* nextAttempt(worker)
        yield* TestRuns.append(second, callEvents("b", "charge", '{"sum":1}'))
        const third = yield* nextAttempt(worker)
        deepStrictEqual(yield* verdicts(third, "charge", '{"sum":1}'), ["Execute", "Reuse", "Reuse"])
        const verdict = ToolCalls.after(yield* PastAttempts.read(third))
          .take({ toolName: "charge", args: '{"sum":1}' })
          .verdict("atMostOnce")
        deepStrictEqual(verdict, ToolCalls.Verdict.Reuse({ result: { content: "paid", isError: false } }))
      }),
    )

    test(
      "a call of one attempt is visible to all later attempts, even if those between did not repeat it",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, callEvents("a", "charge", "{}"))
        const second = yield* nextAttempt(worker)
        yield* TestRuns.append(second, textEvents("m", "hm"))
        const third = yield* nextAttempt(worker)
        deepStrictEqual(yield* verdicts(third, "charge", ""), ["Execute", "Execute", "Uncertain"])
      }),
    )

    test(
      "equal calls are distinguished by their order",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, [
          ...callEvents("a", "charge", "{}"),
          resultEvent("a", "first"),
          ...callEvents("b", "charge", "{}"),
        ])
        const calls = ToolCalls.after(yield* PastAttempts.read(yield* nextAttempt(worker)))
        const tags = [1, 2, 3].map((ordinal) => {
          const call = calls.take({ toolName: "charge", args: "{}" })
          strictEqual(call.ordinal, ordinal)
          return call.verdict("atMostOnce")._tag
        })
        deepStrictEqual(tags, ["Reuse", "Uncertain", "Execute"])
      }),
    )

    test(
      "a call before a wait is settled: it counts, and a later attempt does not repeat it",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.hold(worker)
        yield* TestRuns.append(waiting, [
          ...textEvents("m", "I confirm"),
          ...callEvents("a", "charge", "{}"),
          resultEvent("a", "first"),
          ...callEvents("c", "confirm", "{}"),
        ])
        yield* leases.suspend(TestRuns.leaseOf(waiting), {
          interrupts: [ofToolCall("c", "confirm")],
        })
        yield* runs.resume(waiting.runId, [toolResult("c", "yes")])
        const claimed = yield* TestRuns.claimOne(worker)
        deepStrictEqual(yield* ToolCalls.begunBefore(claimed), [])
        const attempts = yield* PastAttempts.read(claimed)
        const call = ToolCalls.after(attempts).take({ toolName: "charge", args: "{}" })
        strictEqual(call.ordinal, 2)
        strictEqual(call.verdict("atMostOnce")._tag, "Execute")

        strictEqual(attempts[0]!.waited, true)
        deepStrictEqual(
          attempts[0]!.messages.map(({ parts, role }) => [role, parts]),
          [
            [
              "assistant",
              [
                { type: "text", text: "I confirm" },
                { type: "tool_call", toolCallId: "a", toolName: "charge", args: "{}" },
              ],
            ],
            ["tool", [{ type: "tool_result", toolCallId: "a", result: "first" }]],
            ["assistant", [{ type: "tool_call", toolCallId: "c", toolName: "confirm", args: "{}" }]],
          ],
        )
      }),
    )

    test(
      "a call of a dead attempt stays uncertain after a wait",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, callEvents("a", "charge", "{}"))
        const waiting = yield* nextAttempt(worker)
        yield* TestRuns.append(waiting, callEvents("c", "confirm", "{}"))
        yield* leases.suspend(TestRuns.leaseOf(waiting), {
          interrupts: [ofToolCall("c", "confirm")],
        })
        yield* runs.resume(waiting.runId, [toolResult("c", "yes")])
        const claimed = yield* TestRuns.claimOne(worker)
        strictEqual((yield* ToolCalls.begunBefore(claimed)).length, 1)
        deepStrictEqual(yield* verdicts(claimed, "charge", "{}"), ["Execute", "Execute", "Uncertain"])
      }),
    )

    test(
      "a call is committed once the log has its TOOL_CALL_END",
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const [start, ...rest] = callEvents("a", "charge", "{}")
        yield* TestRuns.append(claimed, [start!])
        const waiting = yield* TestRuns.start(ToolCalls.committed(claimed, "a"))
        yield* TestRuns.append(claimed, callEvents("b", "charge", "{}"))
        yield* TestRuns.settle
        assertTrue(Option.isNone(yield* Fiber.poll(waiting)))
        yield* TestRuns.append(claimed, rest)
        yield* TestRuns.joinAdvancing(waiting)
      }),
    )

    test(
      "a call has the same unique key in all attempts",
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const call = { toolName: "charge", args: '{"a":1,"b":2}', ordinal: 1 }
        const key = yield* ToolCalls.keyOf(claimed, call)
        assertTrue(/^[0-9a-f]{64}$/.test(key))
        strictEqual(yield* ToolCalls.keyOf(claimed, { ...call, args: '{ "b": 2, "a": 1 }' }), key)
        const others = yield* Effect.all([
          ToolCalls.keyOf(claimed, { ...call, ordinal: 2 }),
          ToolCalls.keyOf(claimed, { ...call, args: "{}" }),
          ToolCalls.keyOf(claimed, { ...call, toolName: "refund" }),
          ToolCalls.keyOf({ ...claimed, runId: (yield* TestRuns.submit()).runId }, call),
        ])
        strictEqual(new Set([key, ...others]).size, 5)
      }),
    )
  })
}
