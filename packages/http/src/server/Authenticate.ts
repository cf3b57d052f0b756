/**
 * From a request's token to the caller.
 *
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform"
import { Access } from "@runlease/core"
import { Effect, Layer, Option, Redacted } from "effect"
import { Authorization } from "../Principal.js"
import * as Refusal from "../Refusal.js"
import * as Refusals from "./Refusals.js"

const bearer = /^bearer +(\S+)$/i

const tokenOf = (headers: HttpServerRequest.HttpServerRequest["headers"]): string | undefined => {
  const authorization = headers["authorization"]
  return authorization === undefined ? headers["x-api-key"] : bearer.exec(authorization)?.[1]
}

const unauthorized = (detail: string) =>
  new Refusal.Refusal({
    httpStatus: 401,
    body: { error: "unauthorized", detail },
    headers: { "www-authenticate": "Bearer" },
  })

export const layer: Layer.Layer<Authorization, never, Access.Access> = Layer.effect(
  Authorization,
  Effect.map(Access.Access, (access) => {
    const authenticate = Effect.gen(function* () {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      const token = tokenOf(headers)
      if (token === undefined || token === "") {
        return yield* unauthorized("Send a token: Authorization: Bearer <token>")
      }
      const principal = yield* Effect.mapError(access.authenticate(Redacted.make(token)), Refusals.of)
      return yield* Option.match(principal, {
        onNone: () => unauthorized("The token is not valid, or was revoked"),
        onSome: Effect.succeed,
      })
    })
    // Both schemes look at both headers: with one each, the second would hide why the first one failed.
    return Authorization.of({ bearer: () => authenticate, apiKey: () => authenticate })
  }),
)
