import { FetchHttpClient, HttpClient } from "@effect/platform"
import { Effect, Layer, Redacted } from "effect"
import * as Client from "../src/Client.js"
import { Served } from "./serving.js"

/** Counts the requests of a client by the last part of their address. */
export const countedClient = Effect.gen(function* () {
  const { key, url } = yield* Served
  const counts = new Map<string, number>()
  const http = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.tapRequest((request) =>
        Effect.sync(() => {
          const last = request.url.split("/").at(-1)!
          counts.set(last, (counts.get(last) ?? 0) + 1)
        }),
      ),
    ),
  ).pipe(Layer.provide(FetchHttpClient.layer))
  const ports = yield* Layer.build(
    Client.layerWith({ baseUrl: url, token: Redacted.make(key) }).pipe(Layer.provide(http)),
  )
  return { ports, counts }
})
