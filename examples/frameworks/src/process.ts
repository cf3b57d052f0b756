/** A worker process for the module whose path is MODULE, as `runlease worker --module` is one. */
import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Executor, type Run, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { Config, Effect, Layer } from "effect"

interface Module {
  readonly default: (run: Run.ClaimedRun) => Effect.Effect<string | void, unknown, Executor.RunContext>
}

const agent = Layer.unwrapEffect(
  Effect.gen(function* () {
    const path = yield* Config.string("MODULE")
    const module: Module = yield* Effect.promise(() => import(path))
    return Executor.layerFrom(module.default)
  }),
)

Worker.run({ leaseDuration: "5 seconds" }).pipe(
  Effect.provide([agent, Client.layerConfig.pipe(Layer.provide(FetchHttpClient.layer))]),
  NodeRuntime.runMain,
)
