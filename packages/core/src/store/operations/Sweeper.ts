/**
 * Time passing: leases lapse, waits expire, delays end.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Either, Function } from "effect"
import * as DueRuns from "./DueRuns.js"
import { slowPoll } from "../commit/LongPoll.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import type { RunStore } from "../rows/RunStore.js"

/** Moves what is due, a bounded number of runs; returns how many. */
const sweep = <X>(): RunOperation<void, number, number, never, X> => ({
  name: "Sweep",
  decide: (requests, batch) =>
    batch.rows.due.pipe(
      Effect.flatMap((due) => DueRuns.moveDue(batch, due)),
      Effect.map((moved) => requests.map(() => Either.right(moved))),
    ),
  answer: Function.identity,
})

/**
 * Sweeps whenever something is due, so that leases lapse, waits expire and delays end even where no worker claims. A sweep
 * that fails is tried again later.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <X>({ reads, unavailable }: RunStore<X>, commits: RunCommits<X>): Effect.Effect<never> => {
  const sweepNow = commits.operation(sweep<X>())
  const times = Effect.mapError(Effect.all({ due: reads.nextDue, now: reads.now }), (error) =>
    unavailable("Sweep", error),
  )
  const pause = Effect.gen(function* () {
    const { due, now } = yield* times
    if (due !== null && due <= now && (yield* sweepNow()) > 0) return Duration.zero
    return due === null || due <= now ? slowPoll : Duration.min(Duration.millis(due - now), slowPoll)
  })
  return pause.pipe(
    Effect.tapError((error) => Effect.logWarning("The sweep failed and will be tried again", error)),
    Effect.orElseSucceed(() => slowPoll),
    Effect.flatMap((duration) => Effect.sleep(duration)),
    Effect.forever,
  )
}
