/**
 * The HTTP server of `runlease serve`: it keeps connections open between requests, and ends when it is told to, whatever
 * its clients do.
 */
import type { ServeError } from "@effect/platform/HttpServerError"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Duration, Effect, Layer } from "effect"
import { createServer, type Server, type ServerResponse } from "node:http"

/** A client that uses a connection again must not find it closed: longer than any claim waits. */
const keepAlive = Duration.seconds(65)

/** How long a connection on which a request is under way may keep a server that ends. */
const grace = Duration.seconds(5)

const answer = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, {
    connection: "close",
    "content-type": "application/json",
    ...(status === 503 ? { "retry-after": "1" } : {}),
  })
  response.end(JSON.stringify(body))
}

/** Answers for itself before and after the control plane is served. */
const answerUnserved = (server: Server): void => {
  let served = false
  server.on("request", ({ url }, response) => {
    if (server.listenerCount("request") > 1) return
    if (!served && url === "/healthz") return answer(response, 200, { status: "ok" })
    const doing = served ? "shutting down" : "starting up"
    answer(response, 503, { error: "unavailable", detail: `The server is ${doing}; try again` })
  })
  server.on("newListener", (event) => {
    if (event === "request") served = true
  })
}

/** Where to listen. */
export interface Options {
  readonly host: string
  readonly port: number
}

export const layer = (
  options: Options,
): Layer.Layer<Layer.Layer.Success<ReturnType<typeof NodeHttpServer.layer>>, ServeError> =>
  Layer.unwrapScoped(
    Effect.sync(() => {
      const server = createServer({ keepAliveTimeout: Duration.toMillis(keepAlive) })
      answerUnserved(server)
      // Runs before the server is closed, which waits for every connection.
      const ending = Layer.scopedDiscard(
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            server.keepAliveTimeout = 1
            setTimeout(() => server.closeAllConnections(), Duration.toMillis(grace)).unref()
          }),
        ),
      )
      return ending.pipe(Layer.provideMerge(NodeHttpServer.layer(() => server, options)))
    }),
  )
