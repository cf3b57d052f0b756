/**
 * An HTTP server of a server or a worker that answers `/metrics`, a worker's probes, and nothing else.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Worker, WorkerHealth } from "@runlease/core"
import { Duration, Effect, Layer, Ref } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Telemetry from "./Telemetry.js"

type Started = Worker.Worker["Type"]

/**
 * The answers to the probes of a worker: whether its process lives, and whether it consumes runs. Source: docs/decisions/0079-readiness.md
 */
export interface Probes {
  /** The probes report this worker until `forget`. Without a worker the command is starting. */
  readonly follow: (worker: Started) => Effect.Effect<void>

  readonly forget: Effect.Effect<void>

  /** Answers `/healthz` and `/readyz`; undefined for another path. */
  readonly answer: (path: string) => Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined
}

/** 200 with one word, or 503 with one and why. */
const response = (status: string, detail?: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.unsafeJson(
    { status, ...(detail === undefined ? {} : { detail }) },
    { status: status === "ok" ? 200 : 503 },
  )

const ofHealth = (health: WorkerHealth.WorkerHealth): HttpServerResponse.HttpServerResponse => {
  switch (health._tag) {
    case "Ready":
      return response("ok")
    case "Draining":
      return response("draining", "The worker claims no more runs")
    case "ClaimUnanswered": {
      const seconds = Math.floor(Duration.toSeconds(health.duration))
      return response("stalled", `No claim was answered for ${seconds} s although slots are free`)
    }
    case "LeaseUnrenewed":
      // The probe is public, and the failure may name hosts: the log has it.
      return response("stalled", "Leases are not renewed; the log of the worker says why")
  }
}

export const make: Effect.Effect<Probes> = Effect.map(
  Ref.make<Started | undefined>(undefined),
  (current) => ({
    follow: (worker) => Ref.set(current, worker),
    forget: Ref.set(current, undefined),
    answer: (path) => {
      if (path === "/healthz") return Effect.succeed(response("ok"))
      if (path !== "/readyz") return undefined
      return Effect.flatMap(Ref.get(current), (worker) =>
        worker === undefined
          ? Effect.succeed(response("starting", "The worker is not registered yet"))
          : Effect.map(worker.health, ofHealth),
      )
    },
  }),
)

export interface Options {
  readonly host: string
  readonly port: number
}

/** Answers with the metrics of this process and to the probes of a worker, and logs the address. */
export const layer = (
  { host, port }: Options,
  probes?: Pick<Probes, "answer">,
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
