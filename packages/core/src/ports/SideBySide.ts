/** Effects that run side by side. */
import { Effect, type Exit, Fiber, Runtime } from "effect"

/**
 * Starts all effects in their order and returns their exits in the same. An interruption interrupts them all. With `immediate` each runs
 * until it waits before the next one starts; else each starts in a separate turn. `Effect.forEach` costs twice as much.
 */
export const exits = <A, E, R>(
  effects: ReadonlyArray<Effect.Effect<A, E, R>>,
  options: { readonly immediate: boolean },
): Effect.Effect<ReadonlyArray<Exit.Exit<A, E>>, never, R> =>
  effects.length === 0
    ? Effect.succeed([])
    : Effect.flatMap(Effect.runtime<R>(), (runtime) =>
        Effect.async((resume) => {
          const run = Runtime.runFork(runtime)
          const done: Array<Exit.Exit<A, E>> = []
          let left = effects.length
          const fibers = effects.map((effect) => run(effect, options))
          for (const [index, fiber] of fibers.entries()) {
            fiber.addObserver((exit) => {
              done[index] = exit
              left -= 1
              if (left === 0) resume(Effect.succeed(done))
            })
          }
          return Fiber.interruptAll(fibers)
        }),
      )
