import { FetchHttpClient, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Access } from "@runlease/core"
import { Client, Server } from "@runlease/http"
import { MemoryControlPlane } from "@runlease/store"
import { SharedPlane } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import * as Takeovers from "./Takeovers.js"

const httpServer = Layer.suspend(() => {
  // A process that is busy for seconds must not meet the time limit of an idle connection.
  const node = createServer({ keepAliveTimeout: 65_000 })
  return Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => node, { port: 0, host: "127.0.0.1" })),
  )
})

const server = Server.layerWith({ rateLimit: Infinity }).pipe(
  Layer.provideMerge(httpServer),
  Layer.provideMerge(MemoryControlPlane.layer),
)

/** The ports of a new project, of a client of the server. */
const client = Layer.unwrapEffect(
  Effect.gen(function* () {
    const baseUrl = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    const access = yield* Access.Access
    const { id, slug } = yield* SharedPlane.newProject
    const { token } = yield* access.createKey({ projectId: id, name: "test", admin: false })
    return Client.layerWith({ baseUrl, token, project: slug })
  }),
).pipe(Layer.provide(FetchHttpClient.layer))

Takeovers.suite("HTTP", server, client, "each kind of write")
