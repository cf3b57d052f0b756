/** Serves a built site as the command does, with the headers that it has there. */
import { HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { MemoryControlPlane } from "@runlease/store"
import * as Docs from "../../src/Docs.ts"
import { Server } from "@runlease/http"
import { Effect, Layer, ManagedRuntime } from "effect"
import { createServer } from "node:http"

export const serve = async (folder) => {
  const runtime = ManagedRuntime.make(
    Layer.unwrapEffect(Effect.map(Docs.inFront({ folder }), (inFront) => Server.layerWith({ inFront }))).pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(MemoryControlPlane.layer),
      Layer.provideMerge(NodeContext.layer),
    ),
  )
  const url = await runtime.runPromise(HttpServer.addressFormattedWith((address) => Effect.succeed(address)))
  return { url, close: () => runtime.dispose() }
}
