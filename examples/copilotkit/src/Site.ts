import { Effect, FiberSet } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import { fileURLToPath } from "node:url"
import { createServer as createVite } from "vite"
import type * as Backend from "./Backend.js"
import * as Runtime from "./runtime.js"
import * as Visitors from "./Visitors.js"

/** Starts a server on loopback that ends with the Scope; port 0 picks a free one. */
const listen = (port: number) =>
  Effect.acquireRelease(
    Effect.async<Server, Error>((resume) => {
      const server = createServer()
      server.once("error", (error) => resume(Effect.fail(error)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      }),
  )

const urlOf = (server: Server): string => {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
}

/** Compiles the page on request. The socket that reloads changed sources belongs to the server. */
const vite = (server: Server) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      createVite({
        configFile: false,
        root: fileURLToPath(new URL("../page", import.meta.url)),
        logLevel: "warn",
        server: { middlewareMode: true, hmr: { server } },
      }),
    ),
    (vite) => Effect.promise(() => vite.close()),
  )

/**
 * Serves the page, its sessions, CopilotKit's runtime, and a request that kills the worker. The sessions alone use the API key. Returns the address of
 * the page.
 */
export const make = Effect.fnUntraced(function* (backend: Backend.Backend, port: number) {
  const server = yield* listen(port)
  const { middlewares } = yield* vite(server)
  const runtime = Runtime.listener(backend.url)
  const visitors = yield* Visitors.make(backend)
  const run = yield* FiberSet.makeRuntime<never, void>()
  const route: RequestListener = (request, response) => {
    if (request.url?.startsWith(Runtime.basePath)) return runtime(request, response)
    if (request.url === Visitors.path) return run(visitors.answer(request, response))
    if (request.method === "POST" && request.url === "/demo/kill-worker") {
      const answered = Effect.sync(() => {
        response.writeHead(204).end()
      })
      return run(Effect.zipRight(backend.killWorker, answered))
    }
    return middlewares(request, response)
  }
  server.on("request", route)
  return urlOf(server)
})
