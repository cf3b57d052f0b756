/** The ends of many waits: those that come close together share one sleep. */
import { Clock, Duration, Effect, Runtime, type Scope } from "effect"

/** How exact an end is, in milliseconds. It comes late, never early. */
const step = 100

/** The monotonic clock, in milliseconds. */
const time = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

export interface Deadlines {
  /** Calls `listener` after `seconds`, unless the Scope closes first. */
  readonly after: (seconds: number, listener: () => void) => Effect.Effect<void, never, Scope.Scope>
}

export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  // A sleep holds nothing of the request that is its first.
  const fork = Runtime.runFork(yield* Effect.runtime<never>())
  const ends = new Map<number, Set<() => void>>()

  const begin = (end: number, millis: number): Set<() => void> => {
    const listeners = new Set<() => void>()
    ends.set(end, listeners)
    const call = Effect.sync(() => {
      ends.delete(end)
      for (const listener of listeners) listener()
    })
    // A Layer makes this where nothing is interruptible; a server that closes waits for no sleep.
    fork(Effect.interruptible(Effect.delay(call, Duration.millis(millis))), { scope })
    return listeners
  }

  return {
    after: (seconds, listener) =>
      Effect.flatMap(time, (now) => {
        const end = Math.ceil((now + seconds * 1000) / step) * step
        return Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              const listeners = ends.get(end) ?? begin(end, end - now)
              listeners.add(listener)
              return listeners
            }),
            (listeners) => Effect.sync(() => listeners.delete(listener)),
          ),
        )
      }),
  }
})
