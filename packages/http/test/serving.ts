import {
  FetchHttpClient,
  HttpLayerRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse,
} from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Access, type ControlPlane } from "@runlease/core"
import { Context, Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import * as Client from "../src/Client.js"
import * as Server from "../src/Server.js"

/** Where the server listens, and an admin key of its project `default`. */
export class Served extends Context.Tag("test/Served")<
  Served,
  { readonly url: string; readonly key: string }
>() {}

/** Whatever server there is, with a key of its store. */
export const served = Layer.effect(
  Served,
  Effect.gen(function* () {
    const access = yield* Access.Access
    const project = yield* access.getProject("default")
    const { token } = yield* access.createKey({ projectId: project.id, name: "test", admin: true })
    const { address } = yield* HttpServer.HttpServer
    if (address._tag !== "TcpAddress") return yield* Effect.dieMessage("The server has no port")
    return { url: `http://127.0.0.1:${address.port}`, key: Redacted.value(token) }
  }),
)

const withoutExchange = HttpLayerRouter.middleware(
  (app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
      url.endsWith("/exchange")
        ? Effect.succeed(HttpServerResponse.unsafeJson({ message: "No such route" }, { status: 404 }))
        : app,
    ),
  { global: true },
)

/** The contract over a store, on a port of the loopback interface, in the runtime of the test. */
export const serve = <E>(
  store: Layer.Layer<ControlPlane.ControlPlane | Access.Access, E>,
  options: Server.ServerOptions = {},
) =>
  served.pipe(
    // Under a clock that stands still a limit per second would be one for ever.
    Layer.provideMerge(Server.layerWith({ rateLimit: Infinity, ...options })),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provideMerge(store),
  )

/** The contract without exchanges, as a server has it that does not know them. */
export const serveWithoutExchange = <E>(store: Layer.Layer<ControlPlane.ControlPlane | Access.Access, E>) =>
  served.pipe(
    Layer.provide(
      HttpLayerRouter.serve(Layer.merge(withoutExchange, Server.mount("/", { rateLimit: Infinity })), {
        disableLogger: true,
        disableListenLog: true,
      }),
    ),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provide(store),
  )

/** The ports of project `default`, as a client of the server has them. */
export const client = Layer.unwrapEffect(
  Effect.map(Served, ({ key, url }) => Client.layer({ baseUrl: `${url}/`, token: Redacted.make(key) })),
).pipe(Layer.provide(FetchHttpClient.layer))
