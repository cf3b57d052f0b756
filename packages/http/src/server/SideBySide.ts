/**
 * Effects that run side by side.
 *
 * @since 0.1.0
 */
import { Effect, type Exit, Fiber, Runtime } from "effect"

/**
 * Starts all effects at once and gives their exits in order. An interruption interrupts them all.
 *
 * A store makes one commit of requests that arrive together, so every effect starts before anything else runs.
 * `Effect.forEach` starts its fibers one by one and costs twice as much.
 *
 * @since 0.1.0
 * @category concurrency
 */
export const exits = <A, E, R>(
  effects: ReadonlyArray<Effect.Effect<A, E, R>>,
): Effect.Effect<ReadonlyArray<Exit.Exit<A, E>>, never, R> =>
  effects.length === 0
    ? Effect.succeed([])
    : Effect.flatMap(Effect.runtime<R>(), (runtime) =>
        Effect.async((resume) => {
          const run = Runtime.runFork(runtime)
          const done: Array<Exit.Exit<A, E>> = []
          let left = effects.length
          const fibers = effects.map((effect) => run(effect, { immediate: true }))
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
