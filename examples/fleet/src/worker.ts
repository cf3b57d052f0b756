import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Executor, RequestSnapshot, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { Config, Effect, Layer } from "effect"

/** One worker process. The environment names the control plane. */
const agent = Executor.layerFrom((run) =>
  Effect.gen(function* () {
    const name = yield* Config.string("WORKER_NAME")
    yield* Effect.sleep("50 millis")
    return `${name} did ${RequestSnapshot.lastUserText(run.snapshot)}`
  }),
)

const worker = Effect.flatMap(Config.string("WORKER_NAME"), (name) =>
  Worker.run({ workerKey: name, agentIds: ["task"], concurrency: 2, leaseDuration: "10 seconds" }),
)

worker.pipe(
  Effect.provide([agent, Client.layerConfig.pipe(Layer.provide(FetchHttpClient.layer))]),
  NodeRuntime.runMain,
)
