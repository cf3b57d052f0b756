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

  /** Sets the wall clock to an instant, as an operator may: no time passes, and the nanoseconds stay as they are. */
  readonly setWall: (instant: number) => Effect.Effect<void>
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
  /** How far the wall clock is ahead. */
  let ahead = 0
  const sleepers = new Set<Sleeper>()
  const nanos = () => BigInt(now) * 1_000_000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => now + ahead,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(() => now + ahead),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const sleeper = { until: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        if (sleeper.until <= now) return sleeper.wake()
        sleepers.add(sleeper)
        return Effect.sync(() => sleepers.delete(sleeper))
      }),
    setWall: (instant) =>
      Effect.sync(() => {
        ahead = instant - now
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
