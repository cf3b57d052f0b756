/** What a run used, in AG-UI's form and part by part. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Interrupt, RequestSnapshot } from "@runlease/core"
import { AiTool } from "@runlease/executor-ai"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer, Schema } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const toolkit = Toolkit.make(
  Tool.make("look", { parameters: { at: Schema.String }, success: Schema.String }).annotate(
    AiTool.SideEffect,
    "pure",
  ),
)
const handlers = toolkit.toLayer({ look: ({ at }) => Effect.succeed(`at ${at}`) })

const snapshot = {
  ...RequestSnapshot.fromText("Do it"),
  tools: [{ name: "confirm", description: "Asks the user", parameters: { type: "object", properties: {} } }],
}

/** What each protocol tells of an answer of 100 tokens for 10, of which 3 are reasoning, with 60 and 30 of the cache. */
const expected: Readonly<Record<ModelServer.Protocol, object>> = {
  responses: { provider: "openai", model: "gpt-test", cachedInputTokens: 60, reasoningTokens: 3 },
  messages: {
    provider: "anthropic",
    model: "claude-test",
    cachedInputTokens: 60,
    cacheWriteInputTokens: 30,
  },
  completions: { model: "local-test", cachedInputTokens: 60, reasoningTokens: 3 },
}

const usage = { input: 100, cached: 60, cacheWrite: 30, output: 10, reasoning: 3 }

const ends = (runId: Parameters<typeof TestRuns.eventsOf>[0]) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events.filter(({ type }) => type === "RUN_FINISHED" || type === "RUN_ERROR"),
  )

for (const protocol of ModelRuns.protocols) {
  for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
    describe(`usage (${protocol}, ${name})`, () => {
      it.scopedLive(
        "is reported for each part of the run, also before a wait, and summed in the metadata",
        () =>
          Effect.gen(function* () {
            const server = yield* ModelServer.make(
              ModelServer.inTurn(
                { calls: [{ id: "a", name: "look", args: { at: "here" } }], usage },
                { calls: [{ id: "b", name: "confirm", args: {} }], usage },
                { texts: ["Done."], usage },
              ),
            )
            yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
            const { runId } = yield* TestRuns.submit({ snapshot })
            yield* ModelWorkers.untilStatus(runId, "waiting")
            yield* ModelWorkers.answer(runId, [Interrupt.toolResult("b", "yes")])
            const run = yield* ModelWorkers.untilStatus(runId, "completed")
            const once = { inputTokens: 100, outputTokens: 10, totalTokens: 110, ...expected[protocol] }
            const twice = Object.fromEntries(
              Object.entries(once).map(([key, value]) => [
                key,
                typeof value === "number" ? value * 2 : value,
              ]),
            )
            deepStrictEqual(
              (yield* ends(runId)).map((event) => event["usage"]),
              [[twice], [once]],
            )
            const whole = (run.metadata as { readonly usage: Record<string, unknown> }).usage
            strictEqual(whole["inputTokens"], 300)
            strictEqual(whole["totalTokens"], 330)
            strictEqual(whole["steps"], 3)
          }).pipe(Effect.provide(Layer.mergeAll(handlers, controlPlane))),
      )

      it.scopedLive("is reported for a run that fails, and absent if the run used no tokens", () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(
            ModelServer.inTurn(
              { calls: [{ id: "a", name: "look", args: { at: "here" } }], usage },
              { status: 401, error: { type: "invalid_request_error", message: "No such key" } },
            ),
          )
          yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
          const used = yield* TestRuns.submit({ snapshot })
          yield* ModelWorkers.untilStatus(used.runId, "failed")
          const once = { inputTokens: 100, outputTokens: 10, totalTokens: 110, ...expected[protocol] }
          deepStrictEqual(
            (yield* ends(used.runId)).map((event) => [event.type, event["usage"]]),
            [["RUN_ERROR", [once]]],
          )
          const unused = yield* TestRuns.submit({ snapshot })
          yield* ModelWorkers.untilStatus(unused.runId, "failed")
          deepStrictEqual(
            (yield* ends(unused.runId)).map((event) => "usage" in event),
            [false],
          )
        }).pipe(Effect.provide(Layer.mergeAll(handlers, controlPlane))),
      )
    })
  }
}
