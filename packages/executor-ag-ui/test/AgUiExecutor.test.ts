import { FetchHttpClient } from "@effect/platform"
import { it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, RequestSnapshot } from "@runlease/core"
import { AgUiExecutor } from "@runlease/executor-ag-ui"
import { TestRuns, TestWorker } from "@runlease/testkit"
import * as MemoryControlPlane from "@runlease/store/MemoryControlPlane"
import { Deferred, Effect, Fiber, Layer, Redacted, Stream, TestClock } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { claimed, execute, test, until } from "./Runs.js"

const say = (messageId: string, delta: string): ReadonlyArray<Peer.Event> => [
  { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId, delta },
  { type: "TEXT_MESSAGE_END", messageId },
]

/** An agent that sends one message and ends. */
const polite = Peer.serve(async ({ begin, finished, response, send, started }) => {
  begin()
  await send(started, ...say("m", "Hello"), finished())
  response.end()
})

const snapshot: RequestSnapshot.RequestSnapshot = {
  messages: [
    { id: "1", role: "system", parts: [{ type: "text", text: "Be brief" }] },
    {
      id: "2",
      role: "user",
      parts: [
        { type: "text", text: "What is this?" },
        { type: "file", mediaType: "image/png", url: "data:image/png;base64,AA==" },
      ],
      createdAt: "2026-01-01T00:00:00Z",
    },
    {
      id: "3",
      role: "assistant",
      parts: [{ type: "tool_call", toolCallId: "c", toolName: "look", args: "{}" }],
    },
    { id: "4", role: "tool", parts: [{ type: "tool_result", toolCallId: "c", result: "a dot" }] },
  ],
  tools: [{ name: "look", parameters: { type: "object" } }],
  context: [{ description: "place", value: "here" }, { value: 7 }, "loose"],
  forwardedProps: { a: 1 },
  state: { count: 2 },
}

describe("the request to the agent", () => {
  test(
    "is the run's snapshot in the form of AG-UI",
    Effect.gen(function* () {
      const agent = yield* polite
      const executor = yield* Peer.make({
        url: `${agent.url}{agent_id}/run`,
        headers: { authorization: Redacted.make("Bearer secret"), "x-kind": "test" },
      })
      const run = yield* claimed({ snapshot, agentId: "my agent" })
      yield* execute(executor, run)
      const [call] = agent.calls
      deepStrictEqual(call?.input, {
        threadId: run.conversationId,
        runId: run.runId,
        protocolVersion: "1.0",
        state: { count: 2 },
        messages: [
          { id: "1", role: "system", content: "Be brief" },
          {
            id: "2",
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image", source: { type: "data", value: "AA==", mimeType: "image/png" } },
            ],
            metadata: { runlease: { snapshot: { count: 1, fields: { createdAt: "2026-01-01T00:00:00Z" } } } },
          },
          {
            id: "3",
            role: "assistant",
            toolCalls: [{ id: "c", type: "function", function: { name: "look", arguments: "{}" } }],
          },
          { id: "4", role: "tool", toolCallId: "c", content: "a dot" },
        ],
        tools: [{ name: "look", description: "", parameters: { type: "object" } }],
        context: [
          { description: "place", value: "here" },
          { description: "", value: "7" },
          { description: "", value: "loose" },
        ],
        forwardedProps: { a: 1 },
      })
      strictEqual(call?.request.url, "/my%20agent/run")
      strictEqual(call?.request.headers.authorization, "Bearer secret")
      strictEqual(call?.request.headers["x-kind"], "test")
      strictEqual(call?.request.headers["content-type"], "application/json")
      strictEqual(call?.request.headers.accept, "text/event-stream")
    }),
  )

  test(
    "has the agent's name on its server",
    Effect.gen(function* () {
      const agent = yield* polite
      const executor = yield* Peer.make({
        url: `${agent.url}{agent_id}`,
        agentOf: ({ agentId }) => `x-${agentId}`,
      })
      yield* execute(executor, yield* claimed({ agentId: "a/b" }))
      strictEqual(agent.calls[0]?.request.url, "/x-a%2Fb")
    }),
  )
})

describe("the events of the agent", () => {
  test(
    "reach the log unchanged, except for RUN_STARTED",
    Effect.gen(function* () {
      const sent: ReadonlyArray<Peer.Event> = [
        { type: "STEP_STARTED", stepName: "s" },
        ...say("m", "Hello"),
        {
          type: "TOOL_CALL_START",
          toolCallId: "c",
          toolCallName: "look",
          parentMessageId: "m",
        },
        { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
        { type: "TOOL_CALL_END", toolCallId: "c" },
        { type: "TOOL_CALL_RESULT", messageId: "r", toolCallId: "c", content: "a dot" },
        { type: "REASONING_ENCRYPTED_VALUE", subtype: "message", entityId: "m", encryptedValue: "x" },
        { type: "MESSAGES_SNAPSHOT", messages: [{ id: "m", role: "assistant", content: "Hello" }] },
        { type: "X_OWN", value: { as: "it is" } },
        { type: "STEP_FINISHED", stepName: "s" },
      ]
      const finish = { outcome: { type: "success", pendingToolCallIds: [] }, result: { ok: true } }
      const usage = [{ model: "m", inputTokens: 1 }]
      const agent = yield* Peer.serve(async ({ begin, finished, send, started }) => {
        begin()
        await send(started, ...sent, finished({ ...finish, usage, metadata: { a: 1 } }))
      })
      const executor = yield* Peer.make({ url: agent.url })
      const run = yield* claimed()
      const { events, exit } = yield* execute(executor, run)
      deepStrictEqual(events, [
        ...sent,
        {
          type: "RUN_FINISHED",
          threadId: run.conversationId,
          runId: run.runId,
          ...finish,
          usage,
          metadata: { a: 1, usage },
        },
      ])
      assertTrue(exit._tag === "Success")
      // The agent leaves its stream open, but its run has ended.
      yield* until(Effect.sync(agent.open), (open) => open === 0)
    }),
  )

  for (const [what, finish, status, error] of [
    ["success", ({ finished }: Peer.Call) => finished(), "completed", null],
    [
      "cancelled",
      ({ finished }: Peer.Call) => finished({ outcome: { type: "cancelled" } }),
      "cancelled",
      null,
    ],
    [
      "an error",
      () => ({ type: "RUN_ERROR", message: "No", code: "NOPE" }),
      "failed",
      { code: "NOPE", message: "No" },
    ],
  ] as const) {
    test(
      `end the run: ${what}`,
      Effect.gen(function* () {
        const agent = yield* Peer.serve(async (call) => {
          call.begin()
          await call.send(call.started, ...say("m", "Hello"), finish(call))
        })
        const executor = yield* Peer.make({ url: agent.url })
        yield* TestWorker.start(executor.execute)
        const { runId } = yield* TestRuns.submit()
        const run = yield* until(TestRuns.getRun(runId), (run) => run.finishedAt !== null)
        strictEqual(run.status, status)
        deepStrictEqual(run.error, error)
      }),
    )
  }

  test(
    "report the run's usage, also when it fails or waits",
    Effect.gen(function* () {
      const usage = [{ provider: "p", model: "m", inputTokens: 3, outputTokens: 4, totalTokens: 7 }]
      const agent = yield* Peer.serve(async ({ begin, finished, send, started }) => {
        begin()
        const ends = [
          finished({ usage }),
          { type: "RUN_ERROR", message: "No", usage },
          finished({
            usage,
            outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "confirmation" }] },
          }),
        ]
        await send(started, ends[agent.calls.length - 1]!)
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute)
      for (const type of ["RUN_FINISHED", "RUN_ERROR", "RUN_FINISHED"]) {
        const { runId } = yield* TestRuns.submit()
        yield* until(TestRuns.getRun(runId), (run) => run.finishedAt !== null || run.status === "waiting")
        const end = (yield* TestRuns.eventsOf(runId)).at(-1)
        strictEqual(end?.type, type)
        deepStrictEqual(end?.["usage"], usage)
      }
    }),
  )

  test(
    "get ids that no earlier attempt has used",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(async ({ begin, die, finished, input, send, started }) => {
        begin()
        await send(
          started,
          ...say("m", "Hello"),
          { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look", parentMessageId: "m" },
          { type: "TOOL_CALL_END", toolCallId: "c" },
          { type: "TOOL_CALL_RESULT", messageId: "r", toolCallId: "c", content: "a dot" },
          {
            type: "MESSAGES_SNAPSHOT",
            messages: [{ id: "r", role: "tool", toolCallId: "c", content: "a dot" }],
          },
          ...say("m-2", "Bye"),
        )
        if (agent.calls.length === 1) return die()
        return send(finished({ result: input.runId }))
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute, { retryDelay: () => 0 })
      const { runId } = yield* TestRuns.submit()
      const run = yield* until(TestRuns.getRun(runId), (run) => run.finishedAt !== null)
      strictEqual(run.status, "completed")
      deepStrictEqual(
        agent.calls.map(({ input }) => input.runId),
        [runId, `${runId}.2`],
      )
      const events = yield* TestRuns.eventsOf(runId)
      const idsOf = (type: string, field: string) =>
        events.flatMap((event) => (event.type === type ? [event[field]] : []))
      deepStrictEqual(idsOf("TEXT_MESSAGE_START", "messageId"), ["m", "m-2", "m-3", "m-2-2"])
      deepStrictEqual(idsOf("TEXT_MESSAGE_CONTENT", "messageId"), ["m", "m-2", "m-3", "m-2-2"])
      deepStrictEqual(idsOf("TOOL_CALL_START", "toolCallId"), ["c", "c-2"])
      deepStrictEqual(idsOf("TOOL_CALL_START", "parentMessageId"), ["m", "m-3"])
      deepStrictEqual(idsOf("TOOL_CALL_RESULT", "toolCallId"), ["c", "c-2"])
      deepStrictEqual(idsOf("MESSAGES_SNAPSHOT", "messages")[1], [
        { id: "r-2", role: "tool", toolCallId: "c-2", content: "a dot" },
      ])
    }),
  )
})

describe("a slow reader", () => {
  it.effect("does not make its agent time out", () =>
    Effect.gen(function* () {
      const agent = yield* polite
      const executor = yield* Peer.make({
        url: agent.url,
        idleTimeout: "1 second",
        responseTimeout: "1 second",
      })
      const run = yield* claimed()
      const first = yield* Deferred.make<void>()
      const gate = yield* Effect.makeLatch()
      const reader = yield* Effect.fork(
        Stream.runForEach(Executor.toStream(executor.execute)(run), () =>
          Effect.zipRight(Deferred.succeed(first, undefined), gate.await),
        ),
      )
      yield* Deferred.await(first)
      yield* TestClock.adjust("1 hour")
      yield* gate.open
      yield* Fiber.join(reader)
    }).pipe(Effect.scoped, Effect.provide(MemoryControlPlane.layer)),
  )
})

describe("an interruption", () => {
  test(
    "closes the request while the agent thinks",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(() => undefined)
      const executor = yield* Peer.make({ url: agent.url })
      const fiber = yield* Effect.fork(execute(executor, yield* claimed()))
      yield* until(
        Effect.sync(() => agent.calls.length),
        (calls) => calls === 1,
      )
      strictEqual(agent.open(), 1)
      yield* Fiber.interrupt(fiber)
      yield* until(Effect.sync(agent.open), (open) => open === 0)
    }),
  )
})

describe("the layer", () => {
  test(
    "uses fetch",
    Effect.gen(function* () {
      const agent = yield* polite
      const run = yield* claimed()
      const { events } = yield* Effect.flatMap(Executor.Executor, (executor) => execute(executor, run)).pipe(
        Effect.provide(AgUiExecutor.layerWith({ url: agent.url })),
      )
      strictEqual(events.length, 4)
    }),
  )

  test(
    "uses the HttpClient of the context",
    Effect.gen(function* () {
      const agent = yield* polite
      const run = yield* claimed()
      let requests = 0
      const counting = Layer.succeed(FetchHttpClient.Fetch, (input, init) => {
        requests += 1
        return fetch(input, init)
      })
      yield* Effect.flatMap(Executor.Executor, (executor) => execute(executor, run)).pipe(
        Effect.provide(AgUiExecutor.layerWithClient({ url: agent.url })),
        Effect.provide(FetchHttpClient.layer),
        Effect.provide(counting),
      )
      strictEqual(requests, 1)
      assertInclude(agent.calls[0]?.body ?? "", run.runId)
    }),
  )
})
