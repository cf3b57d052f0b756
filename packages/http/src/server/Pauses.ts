/** Pauses of many streams, which share one timer. */
import { Duration, Effect, type Scope } from "effect"

export interface Pauses {
  /** Calls `wake` once when a pause is over, unless the Scope closes first. `wake` must not throw. */
  readonly after: (wake: () => void) => void
}

interface Pause {
  /** By the monotonic clock, in milliseconds. */
  readonly end: number
  readonly wake: () => void
}

/** Pauses that take `length`, and a tenth more at most while the event loop is free. */
export const make = (length: Duration.DurationInput): Effect.Effect<Pauses, never, Scope.Scope> =>
  Effect.gen(function* () {
    const millis = Duration.toMillis(length)
    const clock = yield* Effect.clock
    const now = (): number => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
    /** All are as long, so the first to begin is the first to end. */
    const pauses: Array<Pause> = []
    const some = yield* Effect.makeLatch()

    const next = Effect.gen(function* () {
      yield* some.await
      yield* Effect.sleep(millis / 10)
      const time = now()
      const current = pauses.findIndex(({ end }) => end > time)
      for (const { wake } of pauses.splice(0, current < 0 ? pauses.length : current)) wake()
      if (pauses.length === 0) yield* some.close
    })
    yield* Effect.forkScoped(Effect.forever(next))

    return {
      after: (wake) => {
        pauses.push({ end: now() + millis, wake })
        some.unsafeOpen()
      },
    }
  })
