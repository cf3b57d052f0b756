/** Work of a finalizer that can be timed out. */
import { Effect, Fiber } from "effect"

/**
 * Runs an effect in a separate fiber, interruptibly, and waits for it. The fiber that runs a finalizer may already be
 * interrupted, and then everything interruptible in it ends at once, a timeout included; the fiber made here is not.
 */
export const detached = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.fork(Effect.interruptible(effect)), Fiber.join)
