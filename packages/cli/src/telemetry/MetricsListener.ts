/**
 * An HTTP server of a server or a worker that answers `/metrics`, a worker's probes, and nothing else.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import type * as Probes from "./Probes.js"
import * as Telemetry from "./Telemetry.js"

export interface Options {
  readonly host: string
  readonly port: number
}

/** Answers with the metrics of this process and to the probes of a worker, and logs the address. */
export const layer = (
  { host, port }: Options,
  probes?: Pick<Probes.Probes, "answer">,
): Layer.Layer<never, CommandFailure> => {
  const here = probes === undefined ? "/metrics is" : "/metrics, /healthz and /readyz are"
  const nothing = HttpServerResponse.text(`Only ${here} here\n`, { status: 404 })
  const serving = Effect.gen(function* () {
    const metrics = Effect.map(yield* Telemetry.metricsPage, (text) =>
      HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }),
    )
    const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method, url }) => {
      if (method !== "GET" && method !== "HEAD") return Effect.succeed(nothing)
      const path = url.split("?", 1)[0]!
      return path === "/metrics" ? metrics : (probes?.answer(path) ?? Effect.succeed(nothing))
    })
    yield* Effect.withTracerEnabled(HttpServer.serveEffect(app), false)
    const { address } = yield* HttpServer.HttpServer
    if (address._tag === "TcpAddress")
      yield* Effect.logInfo(`Metrics are at http://${address.hostname}:${address.port}/metrics`)
  })
  return Layer.scopedDiscard(serving).pipe(
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
