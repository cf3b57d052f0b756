/**
 * Whether the server is shutting down: what waits for a client's next event ends then, so that no open stream keeps
 * the server.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Deferred, Duration, Effect, Layer, Option, type Scope } from "effect"

/** How long a server that shuts down waits for clients to take what they are sent. */
const grace = Duration.seconds(5)

export class Shutdown extends Context.Tag("@runlease/http/server/Shutdown")<
  Shutdown,
  {
    /** Whether the server shuts down. */
    readonly hasBegun: Effect.Effect<boolean>

    /** Calls `listener` when the server begins to shut down, at once if it has, until the Scope closes. */
    readonly onBegun: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>

    /** Calls `listener` when the server has waited long enough since `onBegun`, until the Scope closes. */
    readonly onOverdue: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>

    /** Runs an effect that may wait for long; none when the server shuts down first. */
    readonly unless: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  }
>() {}

export const layer: Layer.Layer<Shutdown> = Layer.scoped(
  Shutdown,
  Effect.gen(function* () {
    const listeners = new Set<() => void>()
    const overdue = new Set<() => void>()
    const begun = yield* Effect.acquireRelease(Deferred.make<void>(), (deferred) =>
      Effect.zipRight(
        Deferred.succeed(deferred, undefined),
        Effect.sync(() => {
          for (const listener of listeners) listener()
          // The network does not follow a Clock of the program, and outlives the Scope of what it serves.
          const timer = setTimeout(() => {
            for (const listener of overdue) listener()
          }, Duration.toMillis(grace))
          timer.unref()
        }),
      ),
    )
    const hasBegun = Deferred.isDone(begun)
    const listen = (set: Set<() => void>, listener: () => void) =>
      Effect.acquireRelease(
        Effect.sync(() => set.add(listener)),
        () => Effect.sync(() => set.delete(listener)),
      )
    return {
      hasBegun,
      onBegun: (listener) =>
        Effect.zipRight(listen(listeners, listener), Effect.whenEffect(Effect.sync(listener), hasBegun)),
      onOverdue: (listener) => listen(overdue, listener),
      unless: (effect) =>
        Effect.raceFirst(Effect.asSome(effect), Effect.as(Deferred.await(begun), Option.none())),
    }
  }),
)

/** Asks clients to leave once the server shuts down, so that no idle connection keeps it. */
export const leave = Effect.map(
  Shutdown,
  (shutdown) =>
    <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.flatMap(app, (response) =>
        Effect.map(shutdown.hasBegun, (begun) =>
          begun ? HttpServerResponse.setHeader(response, "connection", "close") : response,
        ),
      ),
)
