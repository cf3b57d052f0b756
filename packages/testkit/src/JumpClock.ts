/**
 * A Clock that stands still until it is told to jump, for tests that jump often.
 *
 * A jump takes no real time: whoever sleeps past it is woken, and nobody waits for what they then do. So a test
 * under this Clock sees a store between the instant that something is due and the sweep that notices.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect } from "effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface JumpClock extends Clock.Clock {
  /** Moves time on by so many milliseconds, and wakes the sleepers whose time has come, earliest first. */
  readonly jump: (millis: number) => Effect.Effect<void>
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/**
 * A Clock at instant 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<JumpClock> = Effect.sync(() => {
  let now = 0
  const sleepers = new Set<Sleeper>()
  const nanos = () => BigInt(now) * 1_000_000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const sleeper = { until: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        if (sleeper.until <= now) return sleeper.wake()
        sleepers.add(sleeper)
        return Effect.sync(() => sleepers.delete(sleeper))
      }),
    jump: (millis) =>
      Effect.sync(() => {
        now += millis
        const due = Array.from(sleepers)
          .filter(({ until }) => until <= now)
          .sort((a, b) => a.until - b.until)
        for (const sleeper of due) {
          sleepers.delete(sleeper)
          sleeper.wake()
        }
      }),
  }
})
