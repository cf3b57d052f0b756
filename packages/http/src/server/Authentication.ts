/**
 * Finds the principal that sends a request, by its token or by the application that serves the contract.
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Access } from "@runlease/core"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import type { Refusal } from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as SameOrigin from "./SameOrigin.js"
import * as SessionCookie from "./SessionCookie.js"
import * as UnknownCallers from "./UnknownCallers.js"

/**
 * Identifies the principal of a request. A request without one is answered 401.
 *
 * @since 0.1.0
 * @category services
 */
export class Authentication extends Context.Tag("@runlease/http/Authentication")<
  Authentication,
  {
    readonly identify: (
      request: HttpServerRequest.HttpServerRequest,
    ) => Effect.Effect<Option.Option<Access.Principal>, Refusal>
  }
>() {}

const bearer = /^bearer +(\S+)$/i

/** The token of a request: a bearer token, or an API key in a header of its own. */
const tokenOf = ({ headers }: HttpServerRequest.HttpServerRequest): Option.Option<string> => {
  const authorization = headers["authorization"]
  const token = authorization === undefined ? headers["x-api-key"] : bearer.exec(authorization)?.[1]
  return token === undefined || token === "" ? Option.none() : Option.some(token)
}

/** The token of a request: that of its headers, or that of a session where it has none and comes from a page of this server. */
const tokenOrSession = (
  request: HttpServerRequest.HttpServerRequest,
): Effect.Effect<Option.Option<string>, Refusal> => {
  const { headers } = request
  if (headers["authorization"] !== undefined || headers["x-api-key"] !== undefined) {
    return Effect.succeed(tokenOf(request))
  }
  const session = SessionCookie.read(request)
  return Option.isNone(session) ? Effect.succeedNone : Effect.as(SameOrigin.check(request), session)
}

/**
 * Identifies principals by the tokens of the control plane. Each address may try a limited number of tokens that are not
 * valid. A custom authentication falls back to this one for workers, which get their tokens here when they register.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Context.Tag.Service<Authentication>, never, Access.Access> = Effect.gen(
  function* () {
    const access = yield* Access.Access
    const unknownCallers = yield* UnknownCallers.make
    return {
      identify: (request) =>
        Effect.flatMap(
          tokenOrSession(request),
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (token) =>
              unknownCallers.limit(
                request,
                token,
                Effect.mapError(access.authenticate(Redacted.make(token)), Verdicts.encode),
              ),
          }),
        ),
    }
  },
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Authentication, never, Access.Access> = Layer.effect(Authentication, make)
