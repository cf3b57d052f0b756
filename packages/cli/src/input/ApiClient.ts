/**
 * A client of the whole API, for commands that need more than the ports of a project.
 */
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import type * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Api from "@runlease/http/Api"
import type * as Refusal from "@runlease/http/Refusal"
import * as Unreachable from "@runlease/http/Unreachable"
import { Effect, type ParseResult } from "effect"
import type { CommandFailure } from "../output/ExitCode.js"
import * as Settings from "./Settings.js"

/** A failure of a call: a refusal, or an answer that does not come or is not understood. */
export type Failure =
  | HttpApiError.HttpApiDecodeError
  | HttpClientError.HttpClientError
  | ParseResult.ParseError
  | Refusal.Refusal

/** A client that sends the key of the connection. Fails when the connection has no key. */
export const make = (
  connection: Settings.Connection,
): Effect.Effect<Api.Client, CommandFailure, HttpClient.HttpClient> =>
  Effect.flatMap(Settings.requireKey(connection), (key) =>
    HttpApiClient.make(Api.Api, {
      baseUrl: connection.url,
      transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(key)),
    }),
  )

/** A client without a key, for what anyone may call. */
export const anonymous = ({
  url,
}: Settings.Connection): Effect.Effect<Api.Client, never, HttpClient.HttpClient> =>
  HttpApiClient.make(Api.Api, { baseUrl: url })

/** Provides the HTTP client. An unreachable server becomes a `CommandFailure` that names its URL. */
export const provideHttpClient =
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
