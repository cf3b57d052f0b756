/**
 * The whole API, for the commands that need more of it than the ports of a project.
 */
import { FetchHttpClient, HttpApiClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { Api } from "@runlease/http"
import { Effect, Predicate } from "effect"
import * as Settings from "./Settings.js"

/** The whole API, spoken with the key of the connection. */
export const make = Effect.fnUntraced(function* (connection: Settings.Connection) {
  const key = yield* Settings.requireKey(connection)
  return yield* HttpApiClient.make(Api.Api, {
    baseUrl: connection.url,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(key)),
  })
})

/** Gives an effect what it needs to speak, and says where nobody answers. */
export const speaking =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provide(FetchHttpClient.layer),
      Effect.mapError((error) =>
        Predicate.isTagged(error, "RequestError")
          ? Settings.unreachable(connection, "The control plane could not be reached")
          : error,
      ),
    )
