/**
 * The processes of the example, with a stand-in model whose pace the test controls.
 */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as Pace from "@runlease/testkit/Pace"
import { Context, Effect, Layer } from "effect"
import * as Backend from "../src/Backend.js"
import * as StandIn from "../src/StandIn.js"

export class Stack extends Context.Tag("example/Stack")<
  Stack,
  {
    readonly backend: Backend.Backend
    readonly pace: Pace.Pace
  }
>() {}

export const layer = Layer.scoped(
  Stack,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const pace = yield* Pace.make
    const model = yield* Layer.build(StandIn.layer(pace.turn))
    const backend = yield* Backend.make({
      folder: yield* fs.makeTempDirectoryScoped(),
      model: { name: "openai-chat:stand-in", baseUrl: Context.get(model, ModelServer.ModelServer).url },
    })
    return { backend, pace }
  }),
).pipe(Layer.provide(NodeContext.layer), Layer.orDie)
