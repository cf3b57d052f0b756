/** A control plane behind HTTP. It listens on a given port on demand, and counts the requests from then on. */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, ControlPlane } from "@runlease/core"
import { Server } from "@runlease/http"
import { Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import * as Arrivals from "./Arrivals.js"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

export interface Options {
  readonly store: Stores.StoreOptions
  readonly port: number
}

export type Calls = {
  readonly listen: { readonly input: null; readonly output: null }
  readonly arrivals: { readonly input: null; readonly output: Arrivals.Arrivals }
}

const { port, store } = Child.options<Options>()

const counter = Arrivals.make()

const makeServer = () =>
  createServer({ keepAliveTimeout: 65_000 })
    .once("listening", counter.begin)
    .prependListener("request", ({ url = "" }: { readonly url?: string }) =>
      counter.count(url.slice(url.lastIndexOf("/") + 1)),
    )

const listening = Server.layer.pipe(
  Layer.provide(NodeHttpServer.layer(makeServer, { port, host: "127.0.0.1" })),
)

const serve = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const access = yield* Access.Access
  const controlPlane = yield* ControlPlane.ControlPlane
  const { id } = yield* access.getProject(ControlPlane.defaultProject)
  const { token } = yield* access.createKey({ projectId: id, name: "bench", admin: true })
  const listen = Layer.buildWithScope(listening, scope).pipe(
    Effect.provideService(Access.Access, access),
    Effect.provideService(ControlPlane.ControlPlane, controlPlane),
    Effect.as(null),
  )
  return yield* Child.serve<Calls>(
    { url: `http://127.0.0.1:${port}`, key: Redacted.value(token) },
    { listen: () => listen, arrivals: () => Effect.sync(() => counter.arrivals) },
  )
})

serve.pipe(Effect.scoped, Effect.provide(Stores.layer(store)), NodeRuntime.runMain)
