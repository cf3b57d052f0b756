import {
  type Socket,
  FetchHttpClient,
  HttpLayerRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse,
} from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Access, type ControlPlane } from "@runlease/core"
import * as SharedPlane from "@runlease/testkit/SharedPlane"
import { Context, Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import type { Socket as Connection } from "node:net"
import * as Client from "../src/Client.js"
import * as Server from "../src/Server.js"
import * as WorkerClient from "../src/WorkerClient.js"
import * as HotRoutes from "../src/server/HotRoutes.js"

/** Where the server listens, and an admin key of its project `default`. */
export class Served extends Context.Tag("test/Served")<
  Served,
  { readonly url: string; readonly key: string }
>() {}

/** The address of the server in the context, with a key of its store. */
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

/**
 * An HTTP server on a port of the loopback interface. While it closes, it ends each connection that is idle or has sent no
 * request yet: Node.js waits for them until the client gives up, after four seconds. Open streams end by themselves.
 */
const nodeServer = () =>
  Layer.suspend(() => {
    // A process that is busy for seconds must not meet the time limit of an idle connection.
    const server = createServer({ keepAliveTimeout: 65_000 })
    const unused = new Set<Connection>()
    server.on("connection", (socket) => {
      unused.add(socket)
      socket.once("close", () => unused.delete(socket))
    })
    server.on("request", ({ socket }) => unused.delete(socket))
    const endIdleConnections = Effect.sync(() => {
      const timer = setInterval(() => {
        server.closeIdleConnections()
        for (const socket of unused) socket.destroy()
      }, 10)
      server.once("close", () => clearInterval(timer))
    })
    return Layer.scopedDiscard(Effect.addFinalizer(() => endIdleConnections)).pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
    )
  })

/** Hot routes before the router, or the router alone. */
export const direct = (on: boolean) => Layer.succeed(HotRoutes.Direct, on)

/** The contract over a store, on a port of the loopback interface, in the runtime of the test. */
export const serve = <E>(
  store: Layer.Layer<ControlPlane.ControlPlane | Access.Access, E>,
  options: Server.ServerOptions = {},
  over = direct(true),
) => serveOn(nodeServer(), store, options, over)

/** The same on an HTTP server of the test's own. */
export const serveOn = <E>(
  server: ReturnType<typeof nodeServer>,
  store: Layer.Layer<ControlPlane.ControlPlane | Access.Access, E>,
  options: Server.ServerOptions = {},
  over = direct(true),
) =>
  served.pipe(
    // The TestClock stands still, so a limit per second would last for ever.
    Layer.provideMerge(Layer.provide(Server.layerWith({ rateLimit: Infinity, ...options }), over)),
    Layer.provideMerge(server),
    Layer.provideMerge(store),
  )

/** The contract of a server without exchanges. */
export const serveWithoutExchange = <E>(store: Layer.Layer<ControlPlane.ControlPlane | Access.Access, E>) =>
  served.pipe(
    Layer.provide(
      HttpLayerRouter.serve(Layer.merge(withoutExchange, Server.mount("/", { rateLimit: Infinity })), {
        disableLogger: true,
        disableListenLog: true,
      }),
    ),
    Layer.provide(nodeServer()),
    Layer.provideMerge(store),
  )

/** The ports of project `default`, of a client of the server that renews leases on a thread. */
export const threaded = Layer.unwrapEffect(
  Effect.map(Served, ({ key, url }) =>
    WorkerClient.layerWith({ baseUrl: `${url}/`, token: Redacted.make(key) }),
  ),
).pipe(Layer.provide(FetchHttpClient.layer))

/** The ports of project `default`, of a client of the server. */
export const client = Layer.unwrapEffect(
  Effect.map(Served, ({ key, url }) => Client.layerWith({ baseUrl: `${url}/`, token: Redacted.make(key) })),
).pipe(Layer.provide(FetchHttpClient.layer))

/** The ports of a new project, of a client of the server with a key of that project. */
const clientOfNewProject = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { url } = yield* Served
    const access = yield* Access.Access
    const { id, slug } = yield* SharedPlane.newProject
    const { token } = yield* access.createKey({ projectId: id, name: "test", admin: false })
    return Client.layerWith({ baseUrl: `${url}/`, token, project: slug })
  }),
).pipe(Layer.provide(FetchHttpClient.layer))

/**
 * One server for the file that calls this, with a project of its own for each test. `webSockets` constructs those of the clients; they have
 * none when it is absent.
 */
export const clients = <E>(
  server: Layer.Layer<Served | Access.Access, E>,
  webSockets: Layer.Layer<Socket.WebSocketConstructor> | Layer.Layer<never> = Layer.empty,
) => SharedPlane.layerWith(server, Layer.provide(clientOfNewProject, webSockets))
