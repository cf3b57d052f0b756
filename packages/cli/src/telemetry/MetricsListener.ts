/**
 * The HTTP server of a worker that answers `/metrics`, and nothing else.
 */
import { HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"

export interface Options {
  readonly host: string
  readonly port: number
}

/** Answers with the page, and calls `listening` with the address. */
export const layer = (
  { host, port }: Options,
  page: Effect.Effect<string>,
  listening: (address: string) => Effect.Effect<void>,
): Layer.Layer<never, CommandFailure> => {
  const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method, url }) =>
    (method === "GET" || method === "HEAD") && url.split("?", 1)[0] === "/metrics"
      ? Effect.map(page, (text) =>
          HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }),
        )
      : HttpServerResponse.text("Nothing but /metrics is here\n", { status: 404 }),
  )
  return Layer.scopedDiscard(
    Effect.gen(function* () {
      yield* Effect.withTracerEnabled(HttpServer.serveEffect(app), false)
      const { address } = yield* HttpServer.HttpServer
      if (address._tag === "TcpAddress")
        yield* listening(`http://${address.hostname}:${address.port}/metrics`)
    }),
  ).pipe(
    Layer.provide(NodeHttpServer.layer(() => createServer(), { host, port })),
    Layer.mapError(
      ({ cause }) =>
        new CommandFailure({
          message: `Cannot listen on ${host}:${port}: ${String(cause instanceof Error ? cause.message : cause)}`,
          hint: "Choose another with --metrics-port, or --metrics-port 0 for a free one.",
          exitCode: ExitCode.error,
        }),
    ),
  )
}
