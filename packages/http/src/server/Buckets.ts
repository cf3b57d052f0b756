/**
 * Buckets of tokens: each key may do so much at once, and then go on at a steady rate.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface Buckets {
  /** Takes one from the bucket of `key`, and gives 0; or takes none, and gives for how many milliseconds to wait. */
  readonly take: (key: string) => Effect.Effect<number>

  /** Puts one back. */
  readonly putBack: (key: string) => void
}

const minute = 60_000

/** A wall clock that is set back would refuse every key for as long. */
const monotonicMillis = Effect.clockWith((clock) =>
  Effect.succeed(Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)),
)

/**
 * Buckets that hold `size` each, and get `perSecond` a second, by the monotonic clock.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: { readonly perSecond: number; readonly size: number }): Buckets => {
  const interval = 1000 / options.perSecond
  const depth = Math.max(1, options.size) * interval
  // When each bucket will be full again, in milliseconds. A full bucket is dropped.
  const fullAt = new Map<string, number>()
  let sweepAt = Number.NEGATIVE_INFINITY

  const sweep = (now: number): void => {
    if (now < sweepAt) return
    sweepAt = now + minute
    for (const [key, time] of fullAt) if (time <= now) fullAt.delete(key)
  }

  return {
    take: (key) =>
      Effect.map(monotonicMillis, (now) => {
        sweep(now)
        const next = Math.max(fullAt.get(key) ?? now, now) + interval
        const wait = next - now - depth
        if (wait > 0) return wait
        fullAt.set(key, next)
        return 0
      }),

    putBack: (key) => {
      const time = fullAt.get(key)
      if (time !== undefined) fullAt.set(key, time - interval)
    },
  }
}
