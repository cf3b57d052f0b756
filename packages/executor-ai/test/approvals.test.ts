/** Calls that require an approval. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, type Interrupt, RequestSnapshot } from "@runlease/core"
import { ToolCalls } from "@runlease/core/executor"
import { AiTool } from "@runlease/executor-ai"
import { EventOrder, TestRuns } from "@runlease/testkit"
import { Deferred, Effect, Exit, Layer, Redacted, Ref, Schema, Scope } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const toolkit = Toolkit.make(
  Tool.make("look", { parameters: { at: Schema.String }, success: Schema.String }),
  Tool.make("deploy", {
    parameters: { to: Schema.String },
    success: Schema.String,
    dependencies: [AiTool.CurrentCall],
  }).annotate(AiTool.NeedsApproval, true),
  Tool.make("refund", {
    parameters: {
      cents: Schema.Int,
      card: Schema.Struct({ number: Schema.Redacted(Schema.String), owner: Schema.String }),
      pins: Schema.Array(Schema.String.annotations({ jsonSchema: { type: "string", writeOnly: true } })),
      note: Schema.String,
    },
    success: Schema.String,
  }).annotate(AiTool.NeedsApproval, { editable: true }),
  Tool.make("order", {
    parameters: { count: Schema.Int, to: Schema.optional(Schema.String) },
    success: Schema.String,
    dependencies: [AiTool.CurrentCall],
  }).annotate(AiTool.NeedsApproval, { editable: true }),
)

/** What was called, by which key. A deployment to `nowhere` never comes back. */
const tools = Effect.gen(function* () {
  const made = yield* Ref.make<ReadonlyArray<string>>([])
  const stuck = yield* Deferred.make<void>()
  const layer = toolkit.toLayer({
    look: ({ at }) =>
      Effect.as(
        Ref.update(made, (all) => [...all, "look"]),
        `at ${at}`,
      ),
    order: ({ count }) =>
      Effect.map(AiTool.CurrentCall, ({ toolCallId }) => `${toolCallId}: ${count} ordered`),
    refund: ({ card, cents }) => Effect.succeed(`${cents} to ${Redacted.value(card.number)}`),
    deploy: ({ to }) =>
      Effect.gen(function* () {
        const { toolCallId } = yield* AiTool.CurrentCall
        yield* Ref.update(made, (all) => [...all, toolCallId])
        if (to === "nowhere") {
          yield* Deferred.succeed(stuck, undefined)
          return yield* Effect.never
        }
        return `deployed to ${to}`
      }),
  })
  return { layer, made: Ref.get(made), stuck: Deferred.await(stuck) }
})

const deploy = (to: string): ModelServer.ToolCall => ({ id: "d", name: "deploy", args: { to } })

const answer = (payload: unknown): Interrupt.Answers => [{ interruptId: "d", status: "resolved", payload }]

const results = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) =>
    event.type === "TOOL_CALL_RESULT"
      ? [[event["toolCallId"], event["content"], AgentEvent.isToolCallFailure(event)]]
      : [],
  )

for (const protocol of ModelRuns.protocols) {
  for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
    describe(`calls to be approved (${protocol}, ${name})`, () => {
      for (const [effect, payload, message, failed] of [
        ["made once approved", { approved: true }, "deployed to production", false],
        ["not made otherwise", { approved: false, reason: "To staging first" }, "To staging first", true],
      ] as const) {
        it.scopedLive(`wait while other calls are made, and are ${effect}`, () =>
          Effect.gen(function* () {
            const { layer, made } = yield* tools
            const server = yield* ModelServer.make(
              ModelServer.inTurn(
                { calls: [deploy("production"), { id: "l", name: "look", args: { at: "home" } }] },
                { texts: ["Done."] },
              ),
            )
            yield* Effect.gen(function* () {
              yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
              const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Deploy") })
              const { waiting } = yield* ModelWorkers.untilStatus(runId, "waiting")
              const [interrupt, ...others] = waiting!.interrupts
              deepStrictEqual(others, [])
              deepStrictEqual(
                [interrupt?.reason, interrupt?.toolCallId, interrupt?.toolName, interrupt?.clientTool],
                ["tool_call", "d", "deploy", undefined],
              )
              deepStrictEqual(yield* made, ["look"])
              yield* ModelWorkers.answer(runId, answer(payload))
              yield* ModelWorkers.untilStatus(runId, "completed")
              deepStrictEqual(yield* made, failed ? ["look"] : ["look", "d"])
              const events = yield* TestRuns.eventsOf(runId)
              const [look, deployed, ...more] = results(events)
              deepStrictEqual(look, ["l", "at home", false])
              deepStrictEqual([deployed![0], deployed![2], more], ["d", failed, []])
              assertTrue(String(deployed![1]).includes(message))
              const second = JSON.stringify(server.requests[1]!.body)
              assertTrue(second.includes(message) && second.includes("at home"))
              assertTrue(!second.includes('approved\\":'), second)
              strictEqual(server.requests.length, 2)
            }).pipe(Effect.provide(Layer.merge(layer, controlPlane)))
          }),
        )
      }

      it.scopedLive("are shown with their arguments, cut to a size and without their secrets", () =>
        Effect.gen(function* () {
          const { layer } = yield* tools
          const note = "thanks ".repeat(2_600)
          const args = { cents: 900, card: { number: "4000-canary", owner: "Ann" }, pins: ["1", "2"], note }
          const server = yield* ModelServer.make(
            ModelServer.inTurn({ calls: [{ id: "d", name: "refund", args }] }, { texts: ["Done."] }),
          )
          yield* Effect.gen(function* () {
            yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
            const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Refund") })
            const { waiting } = yield* ModelWorkers.untilStatus(runId, "waiting")
            const shown = waiting!.interrupts[0]!.toolArguments as { readonly note: string }
            deepStrictEqual(
              { ...shown, note: shown.note.slice(0, 7) },
              {
                ...args,
                card: { number: "<redacted>", owner: "Ann" },
                pins: ["<redacted>", "<redacted>"],
                note: "thanks ",
              },
            )
            assertTrue(shown.note.endsWith(" more characters)") && JSON.stringify(shown).length <= 16_384)
            // The call itself is made with what the model wrote.
            yield* ModelWorkers.answer(runId, answer(true))
            yield* ModelWorkers.untilStatus(runId, "completed")
            assertTrue(JSON.stringify(server.requests[1]!.body).includes("900 to 4000-canary"))
          }).pipe(Effect.provide(Layer.merge(layer, controlPlane)))
        }),
      )

      it.scopedLive(
        "are made with the arguments that a person has edited, which the model reads with the result",
        () =>
          Effect.gen(function* () {
            const { layer } = yield* tools
            const server = yield* ModelServer.make(
              ModelServer.inTurn(
                { calls: [{ id: "d", name: "order", args: { count: 40 } }] },
                { calls: [{ id: "e", name: "order", args: { count: 3 } }] },
                { texts: ["Done."] },
              ),
            )
            yield* Effect.gen(function* () {
              yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
              const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Order") })
              const { waiting } = yield* ModelWorkers.untilStatus(runId, "waiting")
              deepStrictEqual(waiting!.interrupts[0]!.responseSchema?.["properties"], {
                approved: { type: "boolean" },
                reason: { type: "string" },
                editedArgs: {
                  type: "object",
                  required: ["count"],
                  properties: {
                    count: { type: "integer", description: "an integer", title: "int" },
                    to: { type: "string" },
                  },
                  additionalProperties: false,
                },
              })
              yield* ModelWorkers.answer(
                runId,
                answer({ approved: true, editedArgs: { count: 30, to: "Ann" } }),
              )
              yield* ModelWorkers.untilStatus(runId, "waiting")
              // The call itself is as the model wrote it, in the log and in the next request.
              const second = JSON.stringify(server.requests[1]!.body)
              for (const part of ["count", "40", "edited arguments", "30", "Ann", "d: 30 ordered"]) {
                assertTrue(second.includes(part), part)
              }
              yield* ModelWorkers.answer(runId, [{ interruptId: "e", status: "resolved", payload: true }])
              yield* ModelWorkers.untilStatus(runId, "completed")
              const events = yield* TestRuns.eventsOf(runId)
              deepStrictEqual(
                events.flatMap(({ delta, type }) => (type === "TOOL_CALL_ARGS" ? [delta] : [])).join(""),
                '{"count":40}{"count":3}',
              )
              deepStrictEqual(
                events.flatMap((event) =>
                  event.type === "TOOL_CALL_RESULT" ? [[event["content"], event["editedArgs"]]] : [],
                ),
                [
                  ["d: 30 ordered", { count: 30, to: "Ann" }],
                  ["e: 3 ordered", undefined],
                ],
              )
              // The third attempt reads of the edits what the second one did.
              assertTrue(JSON.stringify(server.requests[2]!.body).includes("edited arguments"))
            }).pipe(Effect.provide(Layer.merge(layer, controlPlane)))
          }),
      )

      it.scopedLive("have a secret as the model wrote it, whatever is edited beside it", () =>
        Effect.gen(function* () {
          const { layer } = yield* tools
          const args = {
            cents: 900,
            card: { number: "4000-canary", owner: "Ann" },
            pins: ["1", "2"],
            note: "n",
          }
          const call = (id: string) => ({ calls: [{ id, name: "refund", args }] })
          const server = yield* ModelServer.make(
            ModelServer.inTurn(call("d"), call("e"), { texts: ["Done."] }),
          )
          yield* Effect.gen(function* () {
            yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
            const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Refund") })
            const { waiting } = yield* ModelWorkers.untilStatus(runId, "waiting")
            const shown = waiting!.interrupts[0]!.toolArguments as { readonly card: object }
            yield* ModelWorkers.answer(
              runId,
              answer({ approved: true, editedArgs: { ...shown, cents: 300 } }),
            )
            yield* ModelWorkers.untilStatus(runId, "waiting")
            assertTrue(JSON.stringify(server.requests[1]!.body).includes("300 to 4000-canary"))
            // What stands for a secret is none elsewhere.
            const moved = { ...shown, note: "<redacted>" }
            yield* ModelWorkers.answer(runId, [
              { interruptId: "e", status: "resolved", payload: { approved: true, editedArgs: moved } },
            ])
            yield* ModelWorkers.untilStatus(runId, "completed")
            const third = JSON.stringify(server.requests[2]!.body)
            assertTrue(third.includes("is not where the question has it"), third)
          }).pipe(Effect.provide(Layer.merge(layer, controlPlane)))
        }),
      )

      it.scopedLive("are not made again when the attempt that made them died", () =>
        Effect.gen(function* () {
          const { layer, made, stuck } = yield* tools
          const server = yield* ModelServer.make(
            ModelServer.inTurn({ calls: [deploy("nowhere")] }, { texts: ["Done."] }),
          )
          yield* Effect.gen(function* () {
            const first = yield* Scope.make()
            yield* Scope.extend(ModelWorkers.start(server, { toolkit }, {}, protocol), first)
            const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Deploy") })
            yield* ModelWorkers.untilStatus(runId, "waiting")
            yield* ModelWorkers.answer(runId, answer(true))
            yield* stuck
            yield* Scope.close(first, Exit.void)
            yield* ModelWorkers.start(server, { toolkit }, {}, protocol)
            yield* ModelWorkers.untilStatus(runId, "completed")
            deepStrictEqual(yield* made, ["d"])
            const events = yield* TestRuns.eventsOf(runId)
            strictEqual(events.filter((event) => event["name"] === ToolCalls.uncertainEventName).length, 1)
            strictEqual(results(events).length, 1)
            assertTrue(JSON.stringify(server.requests[1]!.body).includes("uncertain"))
            const part = events.slice(events.findIndex(({ type }) => type === "RUN_FINISHED") + 1)
            deepStrictEqual(EventOrder.violations(part, { ended: true }), [])
          }).pipe(Effect.provide(Layer.merge(layer, controlPlane)))
        }),
      )
    })
  }
}
