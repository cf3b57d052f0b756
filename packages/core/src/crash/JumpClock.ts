/**
 * A Clock that does not advance until a test calls `jump`, for tests that jump often.
 *
 * A jump takes no real time. It wakes the sleepers that are due and does not wait for what they do next, so a test sees
 * a store between the instant at which something is due and the sweep that notices it.
 */
import { Clock, Duration, Effect } from "effect"

export interface JumpClock extends Clock.Clock {
  /** Advances the time by this many milliseconds and wakes the sleepers that are due, the earliest first. */
  readonly jump: (millis: number) => Effect.Effect<void>

  /** How many milliseconds it is until the next sleeper is due; undefined where none sleeps. */
  readonly untilNext: Effect.Effect<number | undefined>

  /** Advances the time and wakes no sleeper before the next `jump`: the timers of a process whose event loop is blocked are as late. */
  readonly stall: (millis: number) => Effect.Effect<void>

  /** Sets the wall clock, as an operator may. No time passes, and the monotonic nanoseconds do not change. */
  readonly setWall: (instant: number) => Effect.Effect<void>
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** A Clock at instant 0. */
export const make: Effect.Effect<JumpClock> = Effect.sync(() => {
  let now = 0
  /** Milliseconds by which the wall clock is ahead of the elapsed time. */
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
    untilNext: Effect.sync(() => {
      let next: number | undefined
      for (const { until } of sleepers) next = Math.min(next ?? until, until)
      return next === undefined ? undefined : Math.max(0, next - now)
    }),
    setWall: (instant) =>
      Effect.sync(() => {
        ahead = instant - now
      }),
    stall: (millis) =>
      Effect.sync(() => {
        now += millis
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
