/**
 * Whether a request that goes on for long would still be let in: a stream or a wait outlives the moment at which its token
 * was found valid.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type { Access } from "@runlease/core"
import { Context, Effect, Layer, Option, Random } from "effect"
import { Authentication } from "./Authentication.js"
import { callerOf, CurrentPrincipal } from "../contract/Principal.js"
import type { Refusal } from "../contract/Refusal.js"
import { unauthorized } from "./Authenticate.js"

type Request = CurrentPrincipal | HttpServerRequest.HttpServerRequest

export class Revocation extends Context.Tag("@runlease/http/server/Revocation")<
  Revocation,
  {
    /** Whether the request would be refused now. An authentication that cannot tell says nothing of it. */
    readonly isRevoked: Effect.Effect<boolean, never, Request>

    /** Ends within seconds after the request would be refused. */
    readonly revoked: Effect.Effect<void, never, Request>

    /** Runs an effect that may wait for long, and refuses the request once its token is revoked. */
    readonly unlessRevoked: <A, E, R>(
      effect: Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | Refusal, R | Request>
  }
>() {}

/**
 * Two seconds between looks, give or take a fifth, so that streams do not look all at once. They share what the server
 * knows of their token, so most looks ask no store.
 */
const pause = Effect.flatMap(Random.nextIntBetween(1600, 2400), (millis) => Effect.sleep(millis))

const isSame = (a: Access.Principal, b: Access.Principal): boolean =>
  callerOf(a) === callerOf(b) && a.projectId === b.projectId

const refuses = ({ httpStatus }: Refusal): boolean => httpStatus === 401 || httpStatus === 403

export const layer: Layer.Layer<Revocation, never, Authentication> = Layer.effect(
  Revocation,
  Effect.map(Authentication, (authentication) => {
    const isRevoked = Effect.gen(function* () {
      const principal = yield* CurrentPrincipal
      const found = yield* authentication.identify(yield* HttpServerRequest.HttpServerRequest)
      return !Option.exists(found, (now) => isSame(now, principal))
    }).pipe(Effect.catchAll((refusal) => Effect.succeed(refuses(refusal))))

    const revoked = Effect.asVoid(Effect.repeat(Effect.zipRight(pause, isRevoked), { until: (is) => is }))

    return {
      isRevoked,
      revoked,
      unlessRevoked: (effect) =>
        Effect.raceFirst(
          effect,
          Effect.zipRight(
            revoked,
            Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
              Effect.fail(unauthorized(request)),
            ),
          ),
        ),
    }
  }),
)
