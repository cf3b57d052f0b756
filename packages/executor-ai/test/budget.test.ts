/** A model whose run has a budget. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Tool, Toolkit } from "@effect/ai"
import { Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer, Schema } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const toolkit = Toolkit.make(Tool.make("look", { parameters: { at: Schema.String }, success: Schema.String }))
const handlers = toolkit.toLayer({ look: ({ at }) => Effect.succeed(`at ${at}`) })

for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
  describe(`a budget of tokens (${name})`, () => {
    it.scopedLive("stops the requests at its limit, and lets them go on when it is raised", () =>
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const usage = { input: 40, output: 10 }
        const server = yield* ModelServer.make(
          ModelServer.inTurn(
            { texts: ["One. "], calls: [{ id: "a", name: "look", args: { at: "here" } }], usage },
            { texts: ["Two. "], calls: [{ id: "b", name: "look", args: { at: "there" } }], usage },
            { texts: ["Three."], usage },
          ),
        )
        yield* ModelWorkers.start(server, { toolkit })
        const { runId } = yield* TestRuns.submit({ budget: { tokens: 100 } })
        yield* ModelWorkers.untilStatus(runId, "waiting")
        const { budget, waiting } = yield* runs.get(runId)
        deepStrictEqual([server.requests.length, budget?.spent.tokens], [2, 100])
        const { id, reason } = waiting!.interrupts[0]!
        strictEqual(reason, "budget")
        yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { tokens: 1_000 } }])
        yield* ModelWorkers.untilStatus(runId, "completed")
        strictEqual(server.requests.length, 3)
        strictEqual(ModelRuns.textOf(yield* TestRuns.eventsOf(runId)), "One. Two. Three.")
      }).pipe(Effect.provide(Layer.merge(handlers, controlPlane))),
    )
  })
}
