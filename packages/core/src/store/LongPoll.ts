/**
 * Long polls: a claim that waits until a run is runnable.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Clock, Duration, Effect, Option } from "effect"
import type { ClaimedRun } from "../model/Run.js"

/** The longest time without a wake-up until a waiter polls. */
export const slowPoll = Duration.seconds(1)

/**
 * Claims now and, while that returns no run, again at each wake-up until `wait` has passed.
 *
 * The waiter starts before the claim searches, so a run that becomes runnable in between is not missed. `waitedMillis` is
 * the time until the search that found the run, on the monotonic clock and rounded down, since the holder counts its
 * lease from then.
 *
 * @since 0.1.0
 * @category waiting
 */
export const claimWithin = <E>(options: {
  readonly claimNow: Effect.Effect<ReadonlyArray<ClaimedRun>, E>
  readonly wait: Duration.DurationInput
  readonly waiter: Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
}): Effect.Effect<ReadonlyArray<ClaimedRun>, E> =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeNanos
    const waited = Effect.map(Clock.currentTimeNanos, (now) => Math.floor(Number(now - begun) / 1e6))
    const round = Effect.gen(function* () {
      const woken = yield* options.waiter
      const waitedMillis = yield* waited
      const claimed = yield* options.claimNow
      if (claimed.length > 0) {
        return Option.some(claimed.map((run): ClaimedRun => ({ ...run, waitedMillis })))
      }
      const left = Duration.toMillis(options.wait) - (yield* waited)
      if (left <= 0) return Option.some<ReadonlyArray<ClaimedRun>>([])
      yield* Effect.timeoutOption(woken, Duration.min(Duration.millis(left), slowPoll))
      return Option.none<ReadonlyArray<ClaimedRun>>()
    }).pipe(Effect.scoped)
    let result = yield* round
    while (Option.isNone(result)) result = yield* round
    return result.value
  })
