/**
 * Long polls: a claim that waits until a run is runnable.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Clock, Duration, Effect } from "effect"
import type { ClaimedRun } from "../../model/Run.js"
import type { Wait } from "./WaitingClaims.js"

/** The longest time without a wake-up until a waiter polls. */
export const slowPoll = Duration.seconds(1)

interface Options<E> {
  readonly claimNow: Effect.Effect<ReadonlyArray<ClaimedRun>, E>
  readonly wait: Duration.DurationInput
  readonly join: Effect.Effect<Wait, never, Scope.Scope>
}

const waitSince = <E>(begun: bigint, options: Options<E>): Effect.Effect<ReadonlyArray<ClaimedRun>, E> =>
  Effect.gen(function* () {
    const waitedUntil = (nanos: bigint) => Math.max(0, Math.floor(Number(nanos - begun) / 1e6))
    const found = (runs: ReadonlyArray<ClaimedRun>, since: bigint): ReadonlyArray<ClaimedRun> => {
      const waitedMillis = waitedUntil(since)
      return runs.map((run): ClaimedRun => ({ ...run, waitedMillis }))
    }
    const round = Effect.gen(function* () {
      const { next } = yield* options.join
      const since = yield* Clock.currentTimeNanos
      const claimed = yield* options.claimNow
      if (claimed.length > 0) return found(claimed, since)
      const left = Duration.toMillis(options.wait) - waitedUntil(yield* Clock.currentTimeNanos)
      if (left <= 0) return []
      const handed = yield* next(Duration.min(Duration.millis(left), slowPoll))
      return handed && found(handed.runs, handed.since)
    }).pipe(Effect.scoped)
    let result = yield* round
    while (result === undefined) result = yield* round
    return result
  })

/**
 * Claims now and, while that returns no run, again at each wake-up until `wait` has passed, or until a commit hands it runs.
 *
 * A claim that waits joins, and looks again before it waits, so a run that becomes runnable in between is not missed. Most claims
 * find runs at once, and never join. `waitedMillis` is the time until the look that found the runs, or until the commit that handed them
 * over, on the monotonic clock and rounded down, since the holder counts its lease from then.
 *
 * @since 0.1.0
 * @category waiting
 */
export const claimWithin = <E>(options: Options<E>): Effect.Effect<ReadonlyArray<ClaimedRun>, E> =>
  Effect.flatMap(Clock.currentTimeNanos, (begun) =>
    Effect.flatMap(options.claimNow, (claimed) =>
      claimed.length > 0 || Duration.equals(options.wait, Duration.zero)
        ? Effect.succeed(claimed)
        : waitSince(begun, options),
    ),
  )
