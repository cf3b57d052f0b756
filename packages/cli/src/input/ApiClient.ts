/**
 * The whole API, for the commands that need more of it than the ports of a project.
 */
import { HttpApiClient, HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Api, Unreachable } from "@runlease/http"
import { Effect } from "effect"
import type { CommandFailure } from "../output/ExitCode.js"
import * as Settings from "./Settings.js"

/** The whole API, spoken with the key of the connection. */
export const make = (
  connection: Settings.Connection,
): Effect.Effect<Api.Client, CommandFailure, HttpClient.HttpClient> =>
  Effect.flatMap(Settings.requireKey(connection), (key) =>
    HttpApiClient.make(Api.Api, {
      baseUrl: connection.url,
      transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(key)),
    }),
  )

/** Gives an effect what it needs to speak, and says where nobody answers. */
export const speaking =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provide(NodeHttpClient.layerUndici),
      Effect.mapError((error) =>
        error instanceof HttpClientError.RequestError
          ? Settings.unreachable(connection, Unreachable.message(error))
          : error,
      ),
    )
