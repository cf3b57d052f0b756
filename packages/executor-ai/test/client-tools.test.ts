/** Tools that the client of a run does: the run waits for them. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Interrupt, RequestSnapshot } from "@runlease/core"
import { AiTool } from "@runlease/executor-ai"
import { EventOrder, TestRuns } from "@runlease/testkit"
import { Effect, Layer, Schema } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const toolkit = Toolkit.make(
  Tool.make("add", {
    parameters: { a: Schema.Number, b: Schema.Number },
    success: Schema.Number,
  }).annotate(AiTool.SideEffect, "pure"),
)
const handlers = toolkit.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })

const tools = [
  {
    name: "confirm",
    description: "Asks the user",
    parameters: { type: "object", properties: { question: { type: "string" } }, required: ["question"] },
  },
  // The worker has a tool of that name, so this one is not offered.
  { name: "add", description: "Adds in the browser", parameters: { type: "object", properties: {} } },
]
const snapshot = { ...RequestSnapshot.fromText("Do it"), tools }

const ask = (id: string, question: string): ModelServer.ToolCall => ({
  id,
  name: "confirm",
  args: { question },
})

for (const protocol of ModelRuns.protocols) {
  for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
    describe(`tools of the client (${protocol}, ${name})`, () => {
      it.scopedLive(
        "are waited for, each, after those of the worker; then the model goes on, on any worker",
        () =>
          Effect.gen(function* () {
            const server = yield* ModelServer.make(
              ModelServer.inTurn(
                {
                  reasoning: ["I should ask"],
                  texts: ["First I ask."],
                  calls: [
                    ask("c1", "Really?"),
                    { id: "w1", name: "add", args: { a: 1, b: 2 } },
                    ask("c2", "Sure?"),
                  ],
                },
                { texts: ["And again."], calls: [ask("c1", "Truly?")] },
                { texts: ["Done."] },
              ),
            )
            yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
            const { runId } = yield* TestRuns.submit({ snapshot })
            const waiting = yield* ModelWorkers.untilStatus(runId, "waiting")
            deepStrictEqual(
              waiting.waiting?.interrupts.map(({ clientTool, id, reason, toolCallId, toolName }) => [
                id,
                reason,
                toolCallId,
                toolName,
                clientTool,
              ]),
              [
                ["c1", "tool_call", "c1", "confirm", true],
                ["c2", "tool_call", "c2", "confirm", true],
              ],
            )
            const before = yield* TestRuns.eventsOf(runId)
            strictEqual(before.filter(({ type }) => type === "TOOL_CALL_RESULT").length, 1)
            const offered = JSON.stringify(server.requests[0]!.body["tools"])
            assertTrue(offered.includes("Asks the user") && offered.includes("question"))
            assertTrue(!offered.includes("in the browser"))

            yield* ModelWorkers.answer(runId, [
              Interrupt.toolResult("c1", { yes: true }),
              Interrupt.toolResult("c2", "nope", true),
            ])
            const again = yield* ModelWorkers.untilStatus(runId, "waiting")
            // The model gave an id again, and the call another.
            strictEqual(again.waiting?.interrupts[0]?.id, "c1-2")
            yield* ModelWorkers.answer(runId, [{ interruptId: "c1-2", status: "cancelled" }])
            const done = yield* ModelWorkers.untilStatus(runId, "completed")

            // The last request holds the whole conversation, each result after its call, in order.
            const last = JSON.stringify(server.requests[2]!.body)
            const parts = [
              "Do it",
              "First I ask.",
              "Really?",
              "Sure?",
              '{\\"yes\\":true}',
              "3",
              "nope",
              "And again.",
              "Truly?",
              "cancelled",
            ]
            let at = -1
            for (const part of parts) {
              const next = last.indexOf(part, at + 1)
              assertTrue(next > at, `${part} is not after what comes before it in ${last}`)
              at = next
            }
            // A provider that demands its encrypted reasoning back gets it from the log.
            if (protocol !== "completions") {
              assertTrue(last.includes(protocol === "responses" ? "secret-1" : "signature-1"), last)
            }
            const events = yield* TestRuns.eventsOf(runId)
            const turns = events.filter(({ type }) => type === "RUN_FINISHED").length
            strictEqual(turns, 3)
            let from = 0
            for (const [index, { type }] of events.entries()) {
              if (type !== "RUN_FINISHED") continue
              deepStrictEqual(EventOrder.violations(events.slice(from, index + 1), { ended: true }), [])
              from = index + 1
            }
            const { usage } = done.metadata as { readonly usage: Record<string, unknown> }
            strictEqual(usage["steps"], 3)
            strictEqual(usage["inputTokens"], 30)
          }).pipe(Effect.provide(Layer.mergeAll(handlers, controlPlane))),
        30_000,
      )
    })
  }
}

describe("tools of the client", () => {
  it.scopedLive("let the run wait no longer than `answerWithin`", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make(ModelServer.inTurn({ calls: [ask("c1", "Really?")] }))
      yield* ModelWorkers.start(server, { answerWithin: "1 second" })
      const { runId } = yield* TestRuns.submit({ snapshot })
      const run = yield* ModelWorkers.untilStatus(runId, "failed")
      strictEqual(run.error?.code, "wait_expired")
    }).pipe(Effect.provide(ModelWorkers.controlPlanes["memory"]!)),
  )
})
