/** Tools that a model calls and a worker runs. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, RequestSnapshot } from "@runlease/core"
import { AiTool } from "@runlease/executor-ai"
import { Context, Effect, Layer, Schema } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"

class Factor extends Context.Tag("test/Factor")<Factor, number>() {}

const Add = Tool.make("add", {
  description: "Adds two numbers",
  parameters: { a: Schema.Number, b: Schema.Number },
  success: Schema.Number,
}).annotate(AiTool.SideEffect, "pure")

const Find = Tool.make("find", {
  parameters: { what: Schema.String },
  success: Schema.Struct({ at: Schema.DateFromString }),
  failure: Schema.Struct({ reason: Schema.String }),
}).annotate(Tool.Readonly, true)

const Scale = Tool.make("scale", {
  parameters: { by: Schema.optional(Schema.Number) },
  success: Schema.String,
  dependencies: [Factor, AiTool.CurrentCall],
}).annotate(Tool.Idempotent, true)

const toolkit = Toolkit.make(Add, Find, Scale)

const handlers = toolkit.toLayer({
  add: ({ a, b }) => (a === 13 ? Effect.die(new Error("no thirteens")) : Effect.succeed(a + b)),
  find: ({ what }) =>
    what === "date" ? Effect.succeed({ at: new Date(0) }) : Effect.fail({ reason: `no ${what} here` }),
  scale: ({ by }) =>
    Effect.map(Effect.all([Factor, AiTool.CurrentCall]), ([factor, call]) =>
      [factor * (by ?? 1), call.run.runId, call.toolCallId, call.key.length].join(" "),
    ),
})

const services = Layer.mergeAll(handlers, Layer.succeed(Factor, 3), ModelRuns.log)

const call = (name: string, args: unknown, id = `call-${name}`): ModelServer.ToolCall => ({ id, name, args })

const results = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) =>
    event.type === "TOOL_CALL_RESULT"
      ? [[event["toolCallId"], event["content"], AgentEvent.isToolCallFailure(event)]]
      : [],
  )

for (const protocol of ModelRuns.protocols) {
  const test = (
    title: string,
    turns: ReadonlyArray<ModelServer.Turn>,
    check: (outcome: {
      readonly events: ReadonlyArray<AgentEvent.LogEvent>
      readonly requests: ReadonlyArray<ModelServer.Request>
      readonly error:
        | { readonly code: string; readonly message: string; readonly retryable: boolean }
        | undefined
    }) => void,
    options: { readonly maxSteps?: number } = {},
  ) =>
    it.scopedLive(title, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn(...turns))
        const { execute } = yield* ModelRuns.executor(protocol, server, { toolkit, ...options })
        const { events, exit } = yield* ModelRuns.outcome(execute)
        const error = exit._tag === "Left" && exit.left._tag === "ExecutorError" ? exit.left : undefined
        check({ events, requests: server.requests, error })
      }).pipe(Effect.provide(services)),
    )

  describe(`tools of a worker (${protocol})`, () => {
    test(
      "are described to the model and called, and their results go into the next request",
      [
        { texts: ["I add."], calls: [call("add", { a: 1, b: 2 })], usage: { input: 10, output: 4 } },
        { texts: ["It is 3."], usage: { input: 20, output: 6 } },
      ],
      ({ error, events, requests }) => {
        strictEqual(error, undefined)
        deepStrictEqual(
          events.map(({ type }) => type).filter((type) => type !== "TOOL_CALL_ARGS"),
          [
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_END",
            "TOOL_CALL_START",
            "CUSTOM",
            "TOOL_CALL_END",
            "TOOL_CALL_RESULT",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_END",
            "CUSTOM",
            "RUN_FINISHED",
          ],
        )
        deepStrictEqual(results(events), [["call-add", "3", false]])
        const args = events.filter(({ type }) => type === "TOOL_CALL_ARGS").map(({ delta }) => delta)
        deepStrictEqual(JSON.parse(args.join("")), { a: 1, b: 2 })
        const starts = events.filter(({ type }) => type === "TEXT_MESSAGE_START")
        strictEqual(new Set(starts.map(({ messageId }) => messageId)).size, 2)
        strictEqual(events[3]!["type"], "TOOL_CALL_START")
        strictEqual(events[3]!["toolCallName"], "add")
        strictEqual(events[3]!["parentMessageId"], starts[0]!["messageId"])
        const { usage } = events.at(-1)!["metadata"] as { readonly usage: Record<string, unknown> }
        strictEqual(usage["inputTokens"], 30)
        strictEqual(usage["outputTokens"], 10)
        strictEqual(usage["steps"], 2)

        const tools = JSON.stringify(requests[0]!.body["tools"])
        assertTrue(tools.includes("Adds two numbers"))
        assertTrue(tools.includes('"required":["a","b"]'), tools)
        const second = JSON.stringify(requests[1]!.body)
        assertTrue(second.includes("I add."))
        assertTrue(second.includes("call-add"))
      },
    )

    test(
      "run side by side when the model calls several, and in several steps",
      [
        {
          calls: [
            call("add", { a: 1, b: 1 }, "x"),
            call("add", { a: 2, b: 2 }, "y"),
            call("find", { what: "date" }, "z"),
          ],
        },
        { calls: [call("add", { a: 2, b: 4 }, "w")] },
        { texts: ["done"] },
      ],
      ({ error, events, requests }) => {
        strictEqual(error, undefined)
        deepStrictEqual(results(events).toSorted(), [
          ["w", "6", false],
          ["x", "2", false],
          ["y", "4", false],
          ["z", '{"at":"1970-01-01T00:00:00.000Z"}', false],
        ])
        strictEqual(requests.length, 3)
        strictEqual(ModelRuns.textOf(events as ReadonlyArray<never>), "done")
      },
    )

    test(
      "fail to the model, which goes on, when their failure is one that they expect",
      [{ calls: [call("find", { what: "cat" })] }, { texts: ["No cat."] }],
      ({ error, events, requests }) => {
        strictEqual(error, undefined)
        deepStrictEqual(results(events), [["call-find", '{"reason":"no cat here"}', true]])
        assertTrue(!events.some((event) => "isError" in event))
        assertTrue(JSON.stringify(requests[1]!.body).includes("no cat here"))
      },
    )

    test("end the run when they break", [{ calls: [call("add", { a: 13, b: 1 })] }], ({ error, events }) => {
      strictEqual(error?.code, "tool_defect")
      strictEqual(error?.retryable, false)
      assertTrue(error?.message.includes("add") && error.message.includes("no thirteens"))
      deepStrictEqual(results(events), [])
    })

    test(
      "get the services that they require, and the current call",
      [{ calls: [call("scale", "{}")] }, { texts: ["ok"] }],
      ({ error, events }) => {
        strictEqual(error, undefined)
        deepStrictEqual(results(events), [["call-scale", "3 run-1 call-scale 64", false]])
      },
    )

    for (const [problem, malformed, message] of [
      ["do not fit", call("add", { a: "one" }), "do not fit"],
      ["are no JSON", call("add", '{"a": 1, '), "not valid JSON"],
      ["are no object", call("add", "[1,2]"), ""],
      ["are for a tool that is not there", call("multiply", { a: 1 }), "no such tool"],
    ] as const) {
      test(
        `report to the model that its arguments ${problem}`,
        [
          { texts: ["Let me see."], calls: [malformed] },
          { calls: [call("add", { a: 1, b: 2 }, "again")] },
          { texts: ["3"] },
        ],
        ({ error, events, requests }) => {
          strictEqual(error, undefined)
          const [first, second] = results(events)
          strictEqual(first![0], malformed.id)
          strictEqual(first![2], true)
          assertTrue(String(first![1]).includes(message), String(first![1]))
          deepStrictEqual(second, ["again", "3", false])
          strictEqual(requests.length, 3)
        },
      )
    }

    test(
      "end the run of a model that never gets its arguments right",
      [{ calls: [call("add", "{")] }],
      ({ error, requests }) => {
        strictEqual(error?.code, "tool_arguments_malformed")
        strictEqual(requests.length, 3)
      },
    )

    test(
      "end the run of a model that never stops calling them",
      [{ calls: [call("add", { a: 1, b: 1 })] }],
      ({ error, events, requests }) => {
        strictEqual(error?.code, "step_limit")
        strictEqual(error?.retryable, false)
        strictEqual(requests.length, 4)
        // No step follows the last one, so its calls are not made.
        strictEqual(results(events).length, 3)
        // An id that the model uses again is replaced.
        strictEqual(new Set(results(events).map(([id]) => id)).size, 3)
      },
      { maxSteps: 4 },
    )

    it.scopedLive("go back to the model together with its reasoning", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          ModelServer.inTurn(
            { reasoning: ["I must add"], calls: [call("add", { a: 1, b: 2 })] },
            { texts: ["3"] },
          ),
        )
        const { execute } = yield* ModelRuns.executor(protocol, server, { toolkit })
        yield* ModelRuns.eventsOf(execute)
        const second = JSON.stringify(server.requests[1]!.body)
        const expected = { responses: "secret-1", messages: "signature-1", completions: "call-add" }
        assertTrue(second.includes(expected[protocol]), second)
      }).pipe(Effect.provide(services)),
    )

    it.scopedLive("of the request that do not have the form of AG-UI are refused", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["ok"] }))
        const { execute } = yield* ModelRuns.executor(protocol, server)
        const snapshot = { ...RequestSnapshot.fromText("hi"), tools: [{ nome: "x" }] }
        const { error } = yield* ModelRuns.failureOf(execute, ModelRuns.claimed({ snapshot }))
        strictEqual(error.code, "bad_tools")
        strictEqual(server.requests.length, 0)
      }).pipe(Effect.provide(services)),
    )
  })
}
