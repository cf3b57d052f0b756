import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AiModel } from "@runlease/executor-ai"
import { Config, Console, Effect, Layer, Option } from "effect"
import * as Backend from "./Backend.js"
import * as Site from "./Site.js"
import * as StandIn from "./StandIn.js"

/** The model that MODEL names, or one that needs no key. */
const model = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.string("MODEL")),
    Option.match({
      onNone: () => StandIn.layer(Effect.sleep("80 millis")),
      onSome: (name) => AiModel.fromName(name),
    }),
  ),
)

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const port = yield* Config.withDefault(Config.port("PORT"), 0)
  const folder = yield* fs.makeTempDirectoryScoped()
  const backend = Backend.layer(`${folder}/runs.sqlite`).pipe(Layer.provide(model))
  yield* Effect.provide(
    Effect.gen(function* () {
      yield* Console.log(`The page is at ${yield* Site.make(port)}`)
      yield* Effect.never
    }),
    backend,
  )
})

program.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
