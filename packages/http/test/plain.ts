import { HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Stream } from "effect"
import { createServer } from "node:http"
import * as Server from "../src/Server.js"
import { served } from "./serving.js"

/** A request as it arrived. */
export interface Requested {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const extensions = [/\/exchange$/, /\/leases$/, /\/suspend$/, /\/signals$/]

const ours = new Set([
  "runs",
  "config",
  "ended",
  "external_event_sequence",
  "lease_epoch",
  "attempt",
  "max_attempts",
  "waited_ms",
  "queued_ms",
  "waiting_interrupts",
  "waiting_answers",
  "waiting_expires_at",
])

/** Fields that the public API lets be null. */
const nullable = new Set(["config", "request_snapshot"])

const withoutOurs = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(withoutOurs)
    : typeof value === "object" && value !== null
      ? Object.fromEntries(
          Object.entries(value).flatMap(([key, inner]) =>
            nullable.has(key) ? [[key, null]] : ours.has(key) ? [] : [[key, withoutOurs(inner)]],
          ),
        )
      : value

const decoder = new TextDecoder()

/** Removes our extensions: their addresses, their keys, and the codes of our refusals. */
const withoutExtensions = (requests: Array<Requested>) =>
  HttpLayerRouter.middleware(
    (app) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        // A body that was read as text cannot be read as a stream, as a large body is.
        const body = yield* Effect.orDie(request.text)
        const whole: typeof request = Object.create(request, {
          stream: { value: Stream.encodeText(Stream.make(body)) },
        })
        requests.push({
          method: request.method,
          url: request.url,
          headers: request.headers,
          body,
        })
        const path = request.url.split("?")[0]!
        if (extensions.some((pattern) => pattern.test(path)) || request.method === "DELETE") {
          return HttpServerResponse.unsafeJson({ message: "No such route" }, { status: 404 })
        }
        const response = yield* Effect.provideService(app, HttpServerRequest.HttpServerRequest, whole)
        if (response.body._tag !== "Uint8Array") return response
        const json: Record<string, unknown> = JSON.parse(decoder.decode(response.body.body))
        return HttpServerResponse.unsafeJson(
          response.status >= 400 ? { error: "ERROR", detail: json["detail"] } : withoutOurs(json),
          { status: response.status },
        )
      }),
    { global: true },
  )

/** A server of the public API alone, which records its requests. */
export const plain = (requests: Array<Requested> = []) =>
  served.pipe(
    Layer.provide(
      HttpLayerRouter.serve(Layer.mergeAll(withoutExtensions(requests), Server.mount("/")), {
        disableLogger: true,
        disableListenLog: true,
      }),
    ),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provide(MemoryControlPlane.layer),
  )
