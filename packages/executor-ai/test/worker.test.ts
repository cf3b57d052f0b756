/** A worker whose agent is a model, put together as the README puts together every worker. */
import { describe, it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import { Worker } from "@runlease/core"
import { AiExecutor } from "@runlease/executor-ai"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

describe("a worker of an agent and a store", () => {
  for (const [name, store] of Object.entries(ModelWorkers.controlPlanes)) {
    it.scopedLive(`works for a model (${name})`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["Hello"] }))
        const agent = AiExecutor.layer.pipe(Layer.provide(ModelRuns.model("responses", server)))
        const worker: Effect.Effect<void, unknown> = Worker.run({ drainTimeout: 0 }).pipe(
          Effect.race(
            Effect.gen(function* () {
              const run = yield* TestRuns.submit()
              yield* ModelWorkers.untilStatus(run.runId, "completed")
              strictEqual(ModelRuns.textOf(yield* TestRuns.eventsOf(run.runId)), "Hello")
            }),
          ),
          Effect.provide([agent, store]),
        )
        yield* worker
      }),
    )
  }
})
