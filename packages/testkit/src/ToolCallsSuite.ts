/**
 * What every log must tell of the tool calls that a dead attempt had begun.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { ofToolCall, toolResult } from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import * as PastAttempts from "@runlease/core/PastAttempts"
import type { ClaimedRun } from "@runlease/core/Run"
import * as ToolCalls from "@runlease/core/ToolCalls"
import { Runs } from "@runlease/core/Runs"
import { Effect, Fiber, type Layer, Option } from "effect"
import * as TestRuns from "./TestRuns.js"

const asked = (id: string, toolName: string, args: string): ReadonlyArray<AgentEvent.LogEvent> => [
  AgentEvent.toolCallStart(id, toolName),
  AgentEvent.toolCallArgs(id, args.slice(0, 3)),
  AgentEvent.toolCallArgs(id, args.slice(3)),
  AgentEvent.toolCallEnd(id),
]

const answered = (id: string, content: string, isError = false): AgentEvent.LogEvent => ({
  type: "TOOL_CALL_RESULT",
  messageId: `result-${id}`,
  toolCallId: id,
  content,
  ...(isError ? { isError } : {}),
})

const say = (id: string, delta: string) => [
  AgentEvent.textStart(id),
  AgentEvent.textContent(id, delta),
  AgentEvent.textEnd(id),
]

/** The holder dies: its lease lapses, and the run is claimed anew. */
const again = (worker: Ids.WorkerId) => Effect.zipRight(TestRuns.lapse, TestRuns.claimOne(worker))

const verdicts = (run: ClaimedRun, toolName: string, args: string) =>
  Effect.map(PastAttempts.read(run), (attempts) => {
    const taken = ToolCalls.after(attempts).take({ toolName, args })
    return [taken.verdict("pure")._tag, taken.verdict("idempotent")._tag, taken.verdict("atMostOnce")._tag]
  })

/**
 * Declares the tests of tool calls over the log of `layer`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Tool calls (${name})`, () => {
    test(
      "a first attempt finds nothing begun, and executes",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        deepStrictEqual(yield* ToolCalls.begunBefore(held), [])
        deepStrictEqual(yield* verdicts(held, "charge", "{}"), ["Execute", "Execute", "Execute"])
      }),
    )

    test(
      "a call that a dead attempt had begun without a result is uncertain, under whatever id and order of keys",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, asked("a", "charge", '{"to":"me","sum":1}'))
        const held = yield* again(worker)
        deepStrictEqual(yield* ToolCalls.begunBefore(held), [
          {
            toolCallId: "a",
            toolName: "charge",
            args: '{"to":"me","sum":1}',
            ended: true,
            result: Option.none(),
            ordinal: 1,
          },
        ])
        const same = '{ "sum": 1, "to": "me" }'
        deepStrictEqual(yield* verdicts(held, "charge", same), ["Execute", "Execute", "Uncertain"])
        deepStrictEqual(yield* verdicts(held, "charge", '{"sum":2,"to":"me"}'), [
          "Execute",
          "Execute",
          "Execute",
        ])
        deepStrictEqual(yield* verdicts(held, "refund", same), ["Execute", "Execute", "Execute"])
      }),
    )

    test(
      "a call whose beginning its executor had not ended was not made, though the control plane closed it",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, asked("a", "charge", '{"sum":1}').slice(0, -1))
        const held = yield* again(worker)
        assertTrue((yield* TestRuns.typesOf(held.runId)).includes("TOOL_CALL_END"))
        const [call] = yield* ToolCalls.begunBefore(held)
        strictEqual(call?.ended, false)
        deepStrictEqual(yield* verdicts(held, "charge", '{"sum":1}'), ["Execute", "Execute", "Execute"])
      }),
    )

    test(
      "a result that was recorded is used again, and stays so when the next attempt dies as well",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, [...asked("a", "charge", '{"sum":1}'), answered("a", "paid")])
        const second = yield* again(worker)
        yield* TestRuns.append(second, asked("b", "charge", '{"sum":1}'))
        const third = yield* again(worker)
        deepStrictEqual(yield* verdicts(third, "charge", '{"sum":1}'), ["Execute", "Reuse", "Reuse"])
        const verdict = ToolCalls.after(yield* PastAttempts.read(third))
          .take({ toolName: "charge", args: '{"sum":1}' })
          .verdict("atMostOnce")
        deepStrictEqual(verdict, ToolCalls.Verdict.Reuse({ result: { content: "paid", isError: false } }))
      }),
    )

    test(
      "what one attempt had begun is known to all later ones, though those between did not ask for it",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, asked("a", "charge", "{}"))
        const second = yield* again(worker)
        yield* TestRuns.append(second, say("m", "hm"))
        const third = yield* again(worker)
        deepStrictEqual(yield* verdicts(third, "charge", ""), ["Execute", "Execute", "Uncertain"])
      }),
    )

    test(
      "equal calls are told apart by their order",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, [
          ...asked("a", "charge", "{}"),
          answered("a", "first"),
          ...asked("b", "charge", "{}"),
        ])
        const calls = ToolCalls.after(yield* PastAttempts.read(yield* again(worker)))
        const tags = [1, 2, 3].map((ordinal) => {
          const taken = calls.take({ toolName: "charge", args: "{}" })
          strictEqual(taken.ordinal, ordinal)
          return taken.verdict("atMostOnce")._tag
        })
        deepStrictEqual(tags, ["Reuse", "Uncertain", "Execute"])
      }),
    )

    test(
      "a call before a wait is settled: it counts, and is not asked for again",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.hold(worker)
        yield* TestRuns.append(waiting, [
          ...say("m", "I ask"),
          ...asked("a", "charge", "{}"),
          answered("a", "first"),
          ...asked("c", "ask", "{}"),
        ])
        yield* leases.suspend(TestRuns.leaseOf(waiting), {
          interrupts: [ofToolCall("c", "ask")],
        })
        yield* runs.resume(waiting.runId, [toolResult("c", "yes")])
        const held = yield* TestRuns.claimOne(worker)
        deepStrictEqual(yield* ToolCalls.begunBefore(held), [])
        const attempts = yield* PastAttempts.read(held)
        const taken = ToolCalls.after(attempts).take({ toolName: "charge", args: "{}" })
        strictEqual(taken.ordinal, 2)
        strictEqual(taken.verdict("atMostOnce")._tag, "Execute")

        strictEqual(attempts[0]!.waited, true)
        deepStrictEqual(
          attempts[0]!.messages.map(({ parts, role }) => [role, parts]),
          [
            [
              "assistant",
              [
                { type: "text", text: "I ask" },
                { type: "tool_call", toolCallId: "a", toolName: "charge", args: "{}" },
              ],
            ],
            ["tool", [{ type: "tool_result", toolCallId: "a", result: "first" }]],
            ["assistant", [{ type: "tool_call", toolCallId: "c", toolName: "ask", args: "{}" }]],
          ],
        )
      }),
    )

    test(
      "a wait does not make what a dead attempt had begun safe to do",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const dead = yield* TestRuns.hold(worker)
        yield* TestRuns.append(dead, asked("a", "charge", "{}"))
        const waiting = yield* again(worker)
        yield* TestRuns.append(waiting, asked("c", "ask", "{}"))
        yield* leases.suspend(TestRuns.leaseOf(waiting), {
          interrupts: [ofToolCall("c", "ask")],
        })
        yield* runs.resume(waiting.runId, [toolResult("c", "yes")])
        const held = yield* TestRuns.claimOne(worker)
        strictEqual((yield* ToolCalls.begunBefore(held)).length, 1)
        deepStrictEqual(yield* verdicts(held, "charge", "{}"), ["Execute", "Execute", "Uncertain"])
      }),
    )

    test(
      "the beginning of a call is committed once the log holds its end",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const [start, ...rest] = asked("a", "charge", "{}")
        yield* TestRuns.append(held, [start!])
        const waiting = yield* TestRuns.start(ToolCalls.committed(held, "a"))
        yield* TestRuns.append(held, asked("b", "charge", "{}"))
        yield* TestRuns.settle
        assertTrue(Option.isNone(yield* Fiber.poll(waiting)))
        yield* TestRuns.append(held, rest)
        yield* TestRuns.joinAdvancing(waiting)
      }),
    )

    test(
      "a call has one key in all attempts, which no other call has",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const call = { toolName: "charge", args: '{"a":1,"b":2}', ordinal: 1 }
        const key = yield* ToolCalls.keyOf(held, call)
        assertTrue(/^[0-9a-f]{64}$/.test(key))
        strictEqual(yield* ToolCalls.keyOf(held, { ...call, args: '{ "b": 2, "a": 1 }' }), key)
        const others = yield* Effect.all([
          ToolCalls.keyOf(held, { ...call, ordinal: 2 }),
          ToolCalls.keyOf(held, { ...call, args: "{}" }),
          ToolCalls.keyOf(held, { ...call, toolName: "refund" }),
          ToolCalls.keyOf({ ...held, runId: (yield* TestRuns.submit()).runId }, call),
        ])
        strictEqual(new Set([key, ...others]).size, 5)
      }),
    )
  })
}
