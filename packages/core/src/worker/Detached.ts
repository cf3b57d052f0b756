/**
 * Finalizers that wait for others, but not for ever.
 *
 * @since 0.1.0
 */
import { Effect, Fiber } from "effect"

/**
 * Runs an effect so that it can be timed out even where a finalizer runs it. The finalizing fiber may be interrupted
 * already, and in such a fiber whatever is interruptible ends at once; so the effect has a fiber of its own.
 *
 * @since 0.1.0
 * @category finalizing
 */
export const apart = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.fork(Effect.interruptible(effect)), Fiber.join)
