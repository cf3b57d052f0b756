/**
 * The port of a server in this process.
 */
import { createServer, type Server, type ServerResponse } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import { Duration, Effect, Layer } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"

/** Longer than any claim waits, so that a client that reuses a connection does not find it closed. */
const keepAlive = Duration.seconds(65)

/** How long a server that ends waits for connections with a request in progress. */
const grace = Duration.seconds(5)

const answer = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, {
    connection: "close",
    "content-type": "application/json",
    ...(status === 503 ? { "retry-after": "1" } : {}),
  })
  response.end(JSON.stringify(body))
}

/**
 * Answers requests before the control plane listens and after it stops: 503 with `Retry-After`, and 200 on `/healthz`
 * during start-up.
 */
const answerUnserved = (server: Server): void => {
  let served = false
  server.on("request", ({ url }, response) => {
    if (server.listenerCount("request") > 1) return
    if (!served && url === "/healthz") return answer(response, 200, { status: "ok" })
    const phase = served ? "shutting down" : "starting up"
    answer(response, 503, { error: "unavailable", detail: `The server is ${phase}; try again` })
  })
  server.on("newListener", (event) => {
    if (event === "request") served = true
  })
}

/** The address to listen on; port 0 picks a free one. */
export interface Options {
  readonly host: string
  readonly port: number
}

/**
 * The HTTP server, listening. Fails with `ServeError` when the address is not free. It keeps connections open between requests, and closes
 * within a bounded time whatever its clients do.
 */
export const layer = (
  options: Options,
): Layer.Layer<Layer.Layer.Success<ReturnType<typeof NodeHttpServer.layer>>, ServeError> =>
  Layer.unwrapScoped(
    Effect.sync(() => {
      const server = createServer({ keepAliveTimeout: Duration.toMillis(keepAlive) })
      answerUnserved(server)
      // This finalizer runs before the one that closes the server, which waits for every connection.
      const shutdown = Layer.scopedDiscard(
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            server.keepAliveTimeout = 1
            setTimeout(() => server.closeAllConnections(), Duration.toMillis(grace)).unref()
          }),
        ),
      )
      return shutdown.pipe(Layer.provideMerge(NodeHttpServer.layer(() => server, options)))
    }),
  )

/** Where a server listens, as a URL. */
export const urlOf = (address: HttpServer.Address): string =>
  address._tag === "TcpAddress"
    ? `http://${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`
    : address.path

/** The port of the server. Fails with advice when it is not free. */
export const listener = (options: Options) =>
  layer(options).pipe(
    Layer.mapError(
      (error) =>
        new CommandFailure({
          message: `Cannot listen on ${options.host}:${options.port}: ${String(error.cause instanceof Error ? error.cause.message : error.cause)}`,
          hint: "Choose another with --port, or --port 0 for a free one.",
          exitCode: ExitCode.error,
        }),
    ),
  )
