/**
 * The time of an embedded store: the wall clock's when the store opens, and from then on the monotonic clock's. So a
 * wall clock that is set forward ends no lease early, and one that is set back keeps no dead worker's lease alive.
 *
 * Source: docs/decisions/0020-time-of-an-embedded-store.md
 */
import { Clock, Effect } from "effect"

/** The difference, in milliseconds, between the wall clock and the store's time that is not logged. */
const tolerance = 1000

const nanosPerMilli = 1_000_000n

const monotonicMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos() / nanosPerMilli)

/**
 * Starts a store's clock, and returns the effect that reads it in milliseconds since the epoch. Reading it logs each time
 * that the wall clock was set by more than a second.
 */
export const make: Effect.Effect<Effect.Effect<number>> = Effect.clockWith((opening) =>
  Effect.sync(() => {
    const base = opening.unsafeCurrentTimeMillis() - monotonicMillis(opening)
    /** How far the wall clock was ahead of the store's time when that was logged last. */
    let logged = 0

    const seconds = (millis: number) => `${Math.round(Math.abs(millis) / 1000)} s`

    const logJump = (ahead: number): Effect.Effect<void> => {
      const set = `The wall clock was set ${ahead > logged ? "forward" : "back"} by ${seconds(ahead - logged)}`
      logged = ahead
      return Effect.logWarning(
        `${set}, or the machine slept. Leases and delays go on as they were: the times of this store are ` +
          `${seconds(ahead)} ${ahead > 0 ? "behind" : "ahead of"} the wall clock until all processes that share it have started again`,
      )
    }

    return Effect.clockWith((clock) => {
      const now = base + monotonicMillis(clock)
      const ahead = clock.unsafeCurrentTimeMillis() - now
      return Math.abs(ahead - logged) <= tolerance ? Effect.succeed(now) : Effect.as(logJump(ahead), now)
    })
  }),
)
