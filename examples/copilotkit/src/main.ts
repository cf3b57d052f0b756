import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { Config, Console, Context, Effect, Layer, Option } from "effect"
import * as Backend from "./Backend.js"
import * as Site from "./Site.js"
import * as StandIn from "./StandIn.js"

/** The model that MODEL names, or one that needs no key. */
const model = Effect.flatMap(
  Config.option(Config.string("MODEL")),
  Option.match({
    onSome: (name) => Effect.succeed({ name }),
    onNone: () =>
      Effect.gen(function* () {
        const context = yield* Layer.build(StandIn.layer(Effect.sleep("80 millis")))
        return { name: "openai-chat:stand-in", baseUrl: Context.get(context, ModelServer.ModelServer).url }
      }),
  }),
)

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const port = yield* Config.withDefault(Config.port("PORT"), 0)
  const folder = yield* fs.makeTempDirectoryScoped()
  const backend = yield* Backend.make({ folder, model: yield* model })
  const url = yield* Site.make(backend, port)
  yield* Console.log(`The page is at ${url}`)
  yield* Effect.never
})

program.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
