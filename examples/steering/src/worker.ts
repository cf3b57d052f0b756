import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Worker } from "@runlease/core"
import { AiExecutor, AiModel } from "@runlease/executor-ai"
import { Client } from "@runlease/http"
import { Config, Effect, Layer } from "effect"

/** One worker process. MODEL_URL is where its model is. */
const model = Layer.unwrapEffect(
  Effect.map(Config.string("MODEL_URL"), (url) => AiModel.fromName("openai-chat:stand-in", { baseUrl: url })),
)

Worker.run({ leaseDuration: "5 seconds" }).pipe(
  Effect.provide([
    Layer.provide(AiExecutor.layerWith({ system: "You plan a journey." }), model),
    Client.layerConfig.pipe(Layer.provide(FetchHttpClient.layer)),
  ]),
  NodeRuntime.runMain,
)
