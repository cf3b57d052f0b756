/** The control plane behind HTTP, as in `runlease serve`, on a free loopback port. */
import { HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, ControlPlane } from "@runlease/core"
import { Server } from "@runlease/http"
import { ChatFace } from "@runlease/http-chat"
import { Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

const serve = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  const access = yield* Access.Access
  const { id } = yield* access.getProject(ControlPlane.defaultProject)
  const { token } = yield* access.createKey({ projectId: id, name: "bench", admin: true })
  return yield* Child.serve(
    {
      url: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`,
      key: Redacted.value(token),
    },
    {},
  )
})

const layer = Server.layerWith({ faces: [ChatFace.face] }).pipe(
  Layer.provideMerge(
    NodeHttpServer.layer(() => createServer({ keepAliveTimeout: 65_000 }), { port: 0, host: "127.0.0.1" }),
  ),
  Layer.provideMerge(Stores.layer(Child.options<Stores.StoreOptions>())),
)

serve.pipe(Effect.scoped, Effect.provide(layer), NodeRuntime.runMain)
