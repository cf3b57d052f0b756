/**
 * Waiting that every store does alike: a claim held until a run is runnable.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Clock, Duration, Effect, Option } from "effect"
import type { ClaimedRun } from "../model/Run.js"

/** How long to go without a wake-up before looking anyway. */
export const slowPoll = Duration.seconds(1)

/**
 * Claims now and, while that gives nothing, again at each wake-up until `wait` has passed.
 *
 * The waiter is there before the claim looks, so a run that becomes runnable in between is not missed. What is
 * claimed says how long it waited until the look that found it, on the monotonic clock and rounded down, since the
 * holder counts its lease from then.
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
