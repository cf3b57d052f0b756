/**
 * The HTTP server of a worker that answers `/metrics`, `/healthz` and `/readyz`, and nothing else.
 */
import { HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import type * as Probes from "./Probes.js"

export interface Options {
  readonly host: string
  readonly port: number
}

/** Answers with the page and to probes, and calls `listening` with the address of the page. */
export const layer = (
  { host, port }: Options,
  page: Effect.Effect<string>,
  probes: Probes.Probes,
  listening: (address: string) => Effect.Effect<void>,
): Layer.Layer<never, CommandFailure> => {
  const metrics = Effect.map(page, (text) =>
    HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }),
  )
  const nothing = HttpServerResponse.text("Only /metrics, /healthz and /readyz are here\n", { status: 404 })
  const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method, url }) => {
    if (method !== "GET" && method !== "HEAD") return Effect.succeed(nothing)
    const path = url.split("?", 1)[0]!
    return path === "/metrics" ? metrics : (probes.answer(path) ?? Effect.succeed(nothing))
  })
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
