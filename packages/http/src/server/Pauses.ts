/**
 * Pauses of many streams, which share one timer.
 *
 * @since 0.1.0
 */
import { Duration, Effect, type Scope } from "effect"

export interface Pauses {
  /** Calls `wake` once when a pause is over, unless the Scope closes first. `wake` must not throw. */
  readonly after: (wake: () => void) => void
}

/** How many times within a pause the timer wakes those that are due, so that they do not wake all at once. */
const turns = 10

/**
 * Pauses that take nine tenths of `length` at least, and `length` at most.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (length: Duration.DurationInput): Effect.Effect<Pauses, never, Scope.Scope> =>
  Effect.gen(function* () {
    const turnLength = Duration.millis(Duration.toMillis(length) / turns)
    const waiting: Array<Array<() => void>> = Array.from({ length: turns }, () => [])
    const some = yield* Effect.makeLatch()
    let turn = 0

    const next = Effect.gen(function* () {
      yield* some.await
      yield* Effect.sleep(turnLength)
      turn = (turn + 1) % turns
      for (const wake of waiting[turn]!.splice(0)) wake()
      if (waiting.every(({ length: count }) => count === 0)) yield* some.close
    })
    yield* Effect.forkScoped(Effect.forever(next))

    return {
      after: (wake) => {
        // The turn that is over comes again after all others.
        waiting[turn]!.push(wake)
        some.unsafeOpen()
      },
    }
  })
