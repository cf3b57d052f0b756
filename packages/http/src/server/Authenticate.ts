/**
 * Finds the caller of a request, and limits the rate of its requests.
 *
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform"
import { Effect, Layer, Option } from "effect"
import { Authentication } from "./Authentication.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { RateLimit } from "./RateLimit.js"

/** The refusal of a request that has no token, or one that is not valid. */
export const unauthorized = ({ headers }: HttpServerRequest.HttpServerRequest) =>
  Refusal.unauthorized(
    headers["authorization"] === undefined && headers["x-api-key"] === undefined
      ? "Send a token: Authorization: Bearer <token>"
      : "The token is not valid, or was revoked",
  )

export const layer: Layer.Layer<Authorization, never, Authentication | RateLimit> = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const authentication = yield* Authentication
    const rateLimit = yield* RateLimit
    // The second scheme is tried when the first one has refused; the refusal is the same, and not worked out again.
    const refused = new WeakMap<HttpServerRequest.HttpServerRequest, Refusal.Refusal>()
    const identify = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const principal = yield* authentication.identify(request)
      if (Option.isNone(principal)) return yield* unauthorized(request)
      yield* rateLimit.take(principal.value)
      return principal.value
    })
    const authenticate = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Effect.tapError(refused.get(request) ?? identify(request), (refusal) =>
        Effect.sync(() => refused.set(request, refusal)),
      ),
    )
    // Both schemes look at both headers: with one each, the second would hide why the first one failed.
    return Authorization.of({ bearer: () => authenticate, apiKey: () => authenticate })
  }),
)
