/**
 * Finds the caller of a request, and limits the rate of its requests.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type { Access } from "@runlease/core"
import { Context, Effect, Layer, Option } from "effect"
import { Authentication } from "./Authentication.js"
import { Authorization, sessionCookie } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { sourceOf } from "./BodyBudget.js"
import { RateLimit } from "./RateLimit.js"

/** The refusal of a request that has no token, or one that is not valid. */
export const unauthorized = ({ cookies, headers }: HttpServerRequest.HttpServerRequest) =>
  Refusal.unauthorized(
    headers["authorization"] !== undefined || headers["x-api-key"] !== undefined
      ? "The token is not valid, or was revoked"
      : cookies[sessionCookie] === undefined
        ? "Send a token: Authorization: Bearer <token>"
        : "The session has ended; sign in again",
  )

/**
 * Finds the caller of a request. A request has one answer: its second look costs no second token and no second request of
 * the caller's rate.
 *
 * @since 0.1.0
 * @category services
 */
export class Callers extends Context.Tag("@runlease/http/server/Callers")<
  Callers,
  {
    readonly of: (
      request: HttpServerRequest.HttpServerRequest,
    ) => Effect.Effect<Access.Principal, Refusal.Refusal>

    /** The caller of a request, where it was found. */
    readonly identified: (request: HttpServerRequest.HttpServerRequest) => Access.Principal | undefined
  }
>() {}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Callers, never, Authentication | RateLimit> = Layer.effect(
  Callers,
  Effect.gen(function* () {
    const authentication = yield* Authentication
    const rateLimit = yield* RateLimit
    // Routing may replace a request, but not its source.
    const answers = new WeakMap<object, Effect.Effect<Access.Principal, Refusal.Refusal>>()

    const identified = new WeakMap<object, Access.Principal>()

    const identify = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.flatMap(authentication.identify(request), (found) =>
        Option.match(found, {
          onNone: () => Effect.fail(unauthorized(request)),
          onSome: (principal) => Effect.as(rateLimit.take(principal, request), principal),
        }),
      )

    const remember = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.matchEffect(identify(request), {
        onSuccess: (principal) => {
          identified.set(sourceOf(request), principal)
          return answer(request, Effect.succeed(principal))
        },
        onFailure: (refusal) => answer(request, Effect.fail(refusal)),
      })

    const answer = (
      request: HttpServerRequest.HttpServerRequest,
      found: Effect.Effect<Access.Principal, Refusal.Refusal>,
    ) => {
      answers.set(sourceOf(request), found)
      return found
    }

    return {
      of: (request) => answers.get(sourceOf(request)) ?? remember(request),
      identified: (request) => identified.get(sourceOf(request)),
    }
  }),
)

/** Finds the caller of a request before its handler. */
export const middleware: Layer.Layer<Authorization, never, Callers> = Layer.effect(
  Authorization,
  Effect.map(Callers, (callers) => {
    const authenticate = Effect.flatMap(HttpServerRequest.HttpServerRequest, callers.of)
    // Each scheme looks at both headers and the cookie: with one each, the next would hide why the first one failed.
    return Authorization.of({
      bearer: () => authenticate,
      apiKey: () => authenticate,
      session: () => authenticate,
    })
  }),
)
