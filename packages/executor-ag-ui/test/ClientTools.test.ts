import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type Ids, Interrupt, RequestSnapshot, Runs } from "@runlease/core"
import { TestRuns, TestWorker } from "@runlease/testkit"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { test, until } from "./Runs.js"

const call = (toolCallId: string, toolCallName: string): ReadonlyArray<Peer.Event> => [
  { type: "TOOL_CALL_START", toolCallId, toolCallName },
  { type: "TOOL_CALL_ARGS", toolCallId, delta: '{"at":"ho' },
  { type: "TOOL_CALL_ARGS", toolCallId, delta: 'me","pin":"1234"}' },
  { type: "TOOL_CALL_END", toolCallId },
]

const result = (toolCallId: string): Peer.Event => ({
  type: "TOOL_CALL_RESULT",
  messageId: `result of ${toolCallId}`,
  toolCallId,
  content: "done",
})

const snapshot: RequestSnapshot.RequestSnapshot = {
  ...RequestSnapshot.fromText("Go"),
  tools: [
    {
      name: "locate",
      description: "",
      parameters: { type: "object", properties: { pin: { type: "string", writeOnly: true } } },
    },
  ],
}

/** Runs an agent that sends these events and this end, and succeeds after the next request. */
const runOf = (
  sent: ReadonlyArray<Peer.Event>,
  outcome: unknown,
  ended: (run: { readonly status: string }) => boolean,
) =>
  Effect.gen(function* () {
    const agent = yield* Peer.serve(async ({ begin, finished, response, send, started }) => {
      begin()
      await send(started)
      if (agent.calls.length === 1) await send(...sent)
      await send(finished(agent.calls.length === 1 && outcome !== undefined ? { outcome } : {}))
      response.end()
    })
    const executor = yield* Peer.make({ url: agent.url })
    yield* TestWorker.start(executor.execute)
    const { runId } = yield* TestRuns.submit({ snapshot })
    const run = yield* until(TestRuns.getRun(runId), ended)
    return { agent, run, runId }
  })

const isWaiting = ({ status }: { readonly status: string }) => status === "waiting"
const hasEnded = ({ status }: { readonly status: string }) => status === "completed" || status === "failed"

const answer = (runId: Ids.RunId, ...answers: Interrupt.Answers) =>
  Effect.gen(function* () {
    yield* Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, answers))
    yield* until(TestRuns.getRun(runId), hasEnded)
  })

/** The arguments of each call, without what the tool of the client declares as secret. */
const shownArguments = { at: "home", pin: "<redacted>" }

const pendingOf = (toolCallId: string) => ({
  ...Interrupt.ofToolCall(toolCallId, "locate", shownArguments),
  clientTool: true,
})

describe("calls that an agent leaves to its client", () => {
  test(
    "make the run wait, and their results are messages of the next request",
    Effect.gen(function* () {
      const { agent, run, runId } = yield* runOf(
        [...call("a", "locate"), ...call("b", "look"), result("b"), ...call("c", "locate")],
        { type: "success", pendingToolCallIds: ["a", "c"] },
        isWaiting,
      )
      deepStrictEqual(run.waiting?.interrupts, [pendingOf("a"), pendingOf("c")])
      yield* answer(
        runId,
        Interrupt.toolResult("c", "No permission", true),
        Interrupt.toolResult("a", { lat: 1 }),
      )
      const input = agent.calls[1]!.input
      strictEqual(input.runId, `${runId}.2`)
      strictEqual(input.resume, undefined)
      deepStrictEqual(
        input.messages.flatMap((message) =>
          message.role === "tool"
            ? [[message.toolCallId, message.content, message.error]]
            : message.role === "assistant"
              ? [message.toolCalls?.map(({ id }) => id)]
              : [],
        ),
        [
          ["a", "b"],
          ["b", "done", undefined],
          ["c"],
          ["c", "No permission", "No permission"],
          ["a", '{"lat":1}', undefined],
        ],
      )
    }),
  )

  test(
    "are those without a result whose tool is in the request, if the agent lists none",
    Effect.gen(function* () {
      const { run } = yield* runOf(
        [...call("a", "locate"), ...call("b", "look"), ...call("c", "locate"), result("c")],
        undefined,
        isWaiting,
      )
      deepStrictEqual(run.waiting?.interrupts, [pendingOf("a")])
    }),
  )

  test(
    "do not include calls of the agent's own tools",
    Effect.gen(function* () {
      const { run } = yield* runOf(call("b", "look"), undefined, hasEnded)
      strictEqual(run.status, "completed")
    }),
  )

  test(
    "do not include a call that an interrupt names",
    Effect.gen(function* () {
      const approval = { id: "approve", reason: "tool_call", toolCallId: "b" }
      const { agent, run, runId } = yield* runOf(
        [...call("a", "locate"), ...call("b", "locate")],
        { type: "interrupt", interrupts: [approval] },
        isWaiting,
      )
      deepStrictEqual(run.waiting?.interrupts, [
        { ...approval, toolName: "locate", toolArguments: shownArguments },
        pendingOf("a"),
      ])
      yield* answer(
        runId,
        { interruptId: "approve", status: "resolved", payload: true },
        Interrupt.toolResult("a", "here"),
      )
      const input = agent.calls[1]!.input
      deepStrictEqual(input.resume, [{ interruptId: "approve", status: "resolved", payload: true }])
      deepStrictEqual(
        input.messages.flatMap((message) => (message.role === "tool" ? [message.toolCallId] : [])),
        ["b", "a"],
      )
    }),
  )

  for (const [what, sent] of [
    ["did not start", call("b", "locate")],
    ["has answered", [...call("a", "locate"), result("a")]],
  ] as const) {
    test(
      `break the protocol, if the run ${what} one of them`,
      Effect.gen(function* () {
        const { run } = yield* runOf(sent, { type: "success", pendingToolCallIds: ["a"] }, hasEnded)
        strictEqual(run.status, "failed")
      }),
    )
  }

  test(
    "wait under their ids of the log",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(async ({ begin, finished, response, send, started }) => {
        begin()
        await send(started)
        if (agent.calls.length < 3) await send(...call("a", "locate"))
        await send(finished())
        response.end()
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute)
      const { runId } = yield* TestRuns.submit({ snapshot })
      const untilPending = (id: string) =>
        until(TestRuns.getRun(runId), ({ waiting }) => waiting?.interrupts[0]?.id === id)
      yield* untilPending("a")
      yield* Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, [Interrupt.toolResult("a", 1)]))
      yield* untilPending("a-2")
      yield* answer(runId, Interrupt.toolResult("a-2", 2))
      deepStrictEqual(
        agent.calls[2]?.input.messages.flatMap((message) =>
          message.role === "tool" ? [[message.toolCallId, message.content]] : [],
        ),
        [
          ["a", "1"],
          ["a", "2"],
        ],
      )
    }),
  )
})
