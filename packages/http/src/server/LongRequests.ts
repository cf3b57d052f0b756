/** What ends a long request: the server shuts down, its token is revoked, or its time has passed. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Access } from "@runlease/core"
import { Context, Deferred, Duration, Effect, Layer, Option, type Scope } from "effect"
import { callerOf, CurrentPrincipal } from "../contract/Principal.js"
import type { Refusal } from "../contract/Refusal.js"
import { Authentication, unauthorized } from "./Callers.js"
import { OpenStreams } from "./OpenStreams.js"

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
  }
>() {}

export const shutdownLayer: Layer.Layer<Shutdown> = Layer.scoped(
  Shutdown,
  Effect.gen(function* () {
    const listeners = new Set<() => void>()
    const overdue = new Set<() => void>()
    let isBegun = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isBegun = true
        for (const listener of listeners) listener()
        // The network does not follow a Clock of the program, and outlives the Scope of what it serves.
        const timer = setTimeout(() => {
          for (const listener of overdue) listener()
        }, Duration.toMillis(grace))
        timer.unref()
      }),
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
  }
>() {}

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
    return { isRevoked }
  }),
)

/** `isRevoked` of this request. It keeps neither the body of the request nor the context of its handler, since a long request lasts for hours. */
export const isRevokedLater: Effect.Effect<
  Effect.Effect<boolean>,
  never,
  Revocation | Revocable
> = Effect.gen(function* () {
  const { isRevoked } = yield* Revocation
  const request = yield* HttpServerRequest.HttpServerRequest
  return Effect.provide(
    isRevoked,
    Context.make(CurrentPrincipal, yield* CurrentPrincipal).pipe(
      Context.add(HttpServerRequest.HttpServerRequest, request.modify({})),
    ),
  )
})

/**
 * Runs an effect that may wait for long. None when the server shuts down first, or when `within` has passed. Fails when the token of the request
 * is revoked meanwhile.
 */
export const wait = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  within?: Duration.DurationInput,
): Effect.Effect<Option.Option<A>, E | Refusal, R | OpenStreams | Revocation | Revocable | Shutdown> =>
  Effect.gen(function* () {
    const shutdown = yield* Shutdown
    const streams = yield* OpenStreams
    const request = yield* HttpServerRequest.HttpServerRequest
    const end = yield* Deferred.make<Option.Option<A>, E | Refusal>()
    yield* shutdown.onBegun(() => Deferred.unsafeDone(end, Effect.succeedNone))
    yield* streams.add({
      end: () => Deferred.unsafeDone(end, Effect.fail(unauthorized(request))),
      isRevoked: yield* isRevokedLater,
    })
    yield* Effect.forkScoped(Effect.intoDeferred(Effect.asSome(effect), end))
    if (within !== undefined) {
      yield* Effect.forkScoped(Effect.delay(Deferred.succeed(end, Option.none()), within))
    }
    return yield* Deferred.await(end)
  }).pipe(Effect.scoped)
