/**
 * The processes of the example, with a stand-in model whose pace the test controls.
 */
import { FileSystem, HttpServer } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { Context, Effect, Layer } from "effect"
import * as Backend from "../src/Backend.js"
import * as Site from "../src/Site.js"
import * as StandIn from "../src/StandIn.js"
import * as Pace from "./Pace.js"

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
    const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(model))
    const backend = yield* Backend.make({
      folder: yield* fs.makeTempDirectoryScoped(),
      model: { name: "openai-chat:stand-in", baseUrl: `${baseUrl}/v1` },
    })
    return { backend, pace }
  }),
).pipe(Layer.provide(NodeContext.layer), Layer.orDie)

/** Starts a separate runtime, which ends with the Scope. Returns its address. */
export const runtime = Effect.flatMap(Stack, ({ backend }) => Site.runtime(backend))
