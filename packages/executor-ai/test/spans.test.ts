/** The spans of a run, by the conventions of OpenTelemetry for generative AI. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Chunk, ConfigProvider, Effect, Layer, Option, Redacted, Schema, Stream } from "effect"
import { Executor } from "@runlease/core"
import { AiExecutor, AiTool } from "@runlease/executor-ai"
import * as TestSpans from "@runlease/testkit/TestSpans"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"

const toolkit = Toolkit.make(
  Tool.make("pay", {
    parameters: { cents: Schema.Int, card: Schema.Redacted(Schema.String) },
    success: Schema.String,
  }).annotate(AiTool.SideEffect, "pure"),
)
const handlers = toolkit.toLayer({
  pay: ({ card, cents }) =>
    Effect.succeed(`${cents} from ${Redacted.value(card)}`).pipe(Effect.withSpan("bank")),
})

const capturing = (captured: boolean) =>
  ConfigProvider.fromMap(new Map([["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", String(captured)]]))

const usage = { input: 100, cached: 60, cacheWrite: 30, output: 10, reasoning: 3 }

const run = (protocol: ModelServer.Protocol, captured: boolean) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make(
      ModelServer.inTurn(
        { calls: [{ id: "a", name: "pay", args: { cents: 900, card: "4000-canary" } }], usage },
        { texts: ["Done."], usage },
      ),
    )
    const spans = yield* TestSpans.of(
      Effect.gen(function* () {
        const { execute } = yield* AiExecutor.make({ toolkit }).pipe(
          Effect.withConfigProvider(capturing(captured)),
          Effect.provide(ModelRuns.model(protocol, server)),
        )
        return yield* Stream.runCollect(Executor.toStream(execute)(ModelRuns.claimed()))
      }).pipe(Effect.provide(Layer.merge(handlers, ModelRuns.log)), Effect.map(Chunk.size)),
    )
    return { spans, headers: server.requests.map(({ headers }) => String(headers["traceparent"])) }
  })

const names: Readonly<Record<ModelServer.Protocol, readonly [provider: string, model: string]>> = {
  responses: ["openai", "gpt-test"],
  messages: ["anthropic", "claude-test"],
  completions: ["openai", "local-test"],
}

describe.each(ModelRuns.protocols)("spans (%s)", (protocol) => {
  it.scopedLive("name the model, the tool, the tokens and the conversation, and no argument", () =>
    Effect.gen(function* () {
      const { headers, spans } = yield* run(protocol, false)
      const [provider, model] = names[protocol]
      const { agentId, conversationId } = ModelRuns.claimed()
      const common = { "gen_ai.conversation.id": conversationId, "gen_ai.agent.name": agentId }
      const ours = spans.filter(({ name }) => !name.startsWith("http.") && !/^[A-Z]\w+\.\w+$/.test(name))
      deepStrictEqual(
        ours.map(({ kind, name, status }) => [name, kind, status._tag]),
        [
          [`chat ${model}`, "client", "Ended"],
          ["execute_tool pay", "internal", "Ended"],
          ["bank", "internal", "Ended"],
          [`chat ${model}`, "client", "Ended"],
        ],
      )
      const [chat, tool, bank] = ours
      const attributes = Object.fromEntries(chat!.attributes)
      for (const [key, value] of Object.entries({
        ...common,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 60,
      })) {
        deepStrictEqual([key, attributes[key]], [key, value])
      }
      assertTrue(Array.isArray(attributes["gen_ai.response.finish_reasons"]))
      deepStrictEqual(Object.fromEntries(tool!.attributes), {
        ...common,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "pay",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "a",
      })
      strictEqual(Option.getOrThrow(bank!.parent).spanId, tool!.spanId)
      // The spans that the library makes of the same are not there, and the request is in ours.
      deepStrictEqual(
        spans.filter(({ name }) => name.startsWith("LanguageModel.") || name.startsWith("Toolkit.")),
        [],
      )
      const request = spans.find(({ name }) => name.startsWith("http.client"))
      strictEqual(Option.getOrThrow(request!.parent).spanId, chat!.spanId)
      deepStrictEqual(headers[0]!.includes(chat!.traceId), true)
      const exported = JSON.stringify(spans.map((span) => [span.name, [...span.attributes]]))
      assertTrue(!exported.includes("canary") && !exported.includes("900"), exported)
    }),
  )

  it.scopedLive("have the arguments of a call where that is switched on, without its secrets", () =>
    Effect.gen(function* () {
      const { spans } = yield* run(protocol, true)
      const tool = spans.find(({ name }) => name === "execute_tool pay")
      deepStrictEqual(JSON.parse(String(tool!.attributes.get("gen_ai.tool.call.arguments"))), {
        cents: 900,
        card: "<redacted>",
      })
    }),
  )
})
