/** What ends a long request: the server shuts down, or its token is revoked. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Access } from "@runlease/core"
import { Context, Effect, Layer, Option, Random, Deferred, Duration, type Scope } from "effect"
import { callerOf, CurrentPrincipal } from "../contract/Principal.js"
import type { Refusal } from "../contract/Refusal.js"
import { Authentication, unauthorized } from "./Callers.js"

// Whether the server is shutting down: what waits for a client's next event ends then, so that no open stream keeps the server.

/** How long a server that shuts down waits for clients to take what they are sent. */
const grace = Duration.seconds(5)

export class Shutdown extends Context.Tag("@runlease/http/server/Shutdown")<
  Shutdown,
  {
    /** Whether the server shuts down. */
    readonly hasBegun: Effect.Effect<boolean>

    /** As `hasBegun`, at the moment of the call. */
    readonly unsafeHasBegun: () => boolean

    /** Calls `listener` when the server begins to shut down, at once if it has, until the Scope closes. */
    readonly onBegun: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>

    /** Calls `listener` when the server has waited long enough since `onBegun`, until the Scope closes. */
    readonly onOverdue: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>

    /** Runs an effect that may wait for long; none when the server shuts down first. */
    readonly unless: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  }
>() {}

export const shutdownLayer: Layer.Layer<Shutdown> = Layer.scoped(
  Shutdown,
  Effect.gen(function* () {
    const listeners = new Set<() => void>()
    const overdue = new Set<() => void>()
    let isBegun = false
    const begun = yield* Effect.acquireRelease(Deferred.make<void>(), (deferred) =>
      Effect.zipRight(
        Deferred.succeed(deferred, undefined),
        Effect.sync(() => {
          isBegun = true
          for (const listener of listeners) listener()
          // The network does not follow a Clock of the program, and outlives the Scope of what it serves.
          const timer = setTimeout(() => {
            for (const listener of overdue) listener()
          }, Duration.toMillis(grace))
          timer.unref()
        }),
      ),
    )
    const hasBegun = Effect.sync(() => isBegun)
    const listen = (set: Set<() => void>, listener: () => void) =>
      Effect.acquireRelease(
        Effect.sync(() => set.add(listener)),
        () => Effect.sync(() => set.delete(listener)),
      )
    return {
      hasBegun,
      unsafeHasBegun: () => isBegun,
      onBegun: (listener) =>
        Effect.zipRight(listen(listeners, listener), Effect.whenEffect(Effect.sync(listener), hasBegun)),
      onOverdue: (listener) => listen(overdue, listener),
      unless: (effect) =>
        Effect.raceFirst(Effect.asSome(effect), Effect.as(Deferred.await(begun), Option.none())),
    }
  }),
)

/** Requests clients to leave once the server shuts down, so that no idle connection keeps it. */
export const leave = Effect.map(
  Shutdown,
  (shutdown) =>
    <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.map(app, (response) =>
        shutdown.unsafeHasBegun() ? HttpServerResponse.setHeader(response, "connection", "close") : response,
      ),
)

// Whether a long request would still be let in: a stream or a wait outlives the moment at which its token was found valid.

type Revocable = CurrentPrincipal | HttpServerRequest.HttpServerRequest

export class Revocation extends Context.Tag("@runlease/http/server/Revocation")<
  Revocation,
  {
    /** Whether the request would be refused now. An authentication that cannot decide does not revoke it. */
    readonly isRevoked: Effect.Effect<boolean, never, Revocable>

    /** Ends within seconds after the request would be refused. */
    readonly revoked: Effect.Effect<void, never, Revocable>

    /** Runs an effect that may wait for long, and refuses the request once its token is revoked. */
    readonly unlessRevoked: <A, E, R>(
      effect: Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | Refusal, R | Revocable>
  }
>() {}

/**
 * Two seconds between looks, give or take a fifth, so that streams do not look all at once. They share what the server
 * knows of their token, so most looks read no store.
 */
const pause = Effect.flatMap(Random.nextIntBetween(1600, 2400), (millis) => Effect.sleep(millis))

const isSame = (a: Access.Principal, b: Access.Principal): boolean =>
  callerOf(a) === callerOf(b) && a.projectId === b.projectId

const refuses = ({ httpStatus }: Refusal): boolean => httpStatus === 401 || httpStatus === 403

export const revocationLayer: Layer.Layer<Revocation, never, Authentication> = Layer.effect(
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
