/**
 * Time passing: leases lapse, waits expire, delays end.
 *
 * @since 0.1.0
 */
import { type ControlPlaneUnavailable, Leases, LongPoll } from "@runlease/core"
import { Duration, Effect, Either, Function } from "effect"
import * as DueRuns from "../batch/DueRuns.js"
import type { SqlStore } from "../batch/SqlStore.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { Gate } from "../rows/RunRow.js"

/**
 * Shortens the leases that end later than any lease that is given now. Such leases were given before the wall clock was
 * set back, and the worker of one that is alive renews it earlier than it ends.
 *
 * Source: docs/decisions/0020-time-of-an-embedded-store.md
 *
 * @since 0.1.0
 * @category running
 */
export const shortenLeases = (
  store: SqlStore,
): Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable> =>
  store.writer.operation<void, void, void>({
    name: "shortenLeases",
    decide: (requests, { now }) =>
      Effect.gen(function* () {
        const latest = now + Duration.toMillis(Leases.maxLeaseDuration)
        yield* store.sql`UPDATE runs SET lease_expires_at = ${latest}
          WHERE status = 'running' AND lease_owner IS NOT NULL AND lease_expires_at > ${latest}`
        return requests.map(() => Either.void)
      }),
    answer: Function.identity,
  })()

/** When the next lease lapses, wait expires or delay ends, if any does. */
const nextDue = ({ sql }: SqlStore) =>
  Effect.map(
    sql<{ readonly due: number | null }>`
      SELECT MIN(due) AS due FROM (
        SELECT due FROM (
          SELECT lease_expires_at AS due FROM runs WHERE status = 'running' AND lease_owner IS NOT NULL
          AND lease_expires_at IS NOT NULL ORDER BY lease_expires_at LIMIT 1
        ) lapsing
        UNION ALL
        SELECT due FROM (
          SELECT waiting_expires_at AS due FROM runs WHERE status = 'waiting' AND waiting_expires_at IS NOT NULL
          ORDER BY waiting_expires_at LIMIT 1
        ) expiring
        UNION ALL
        SELECT due FROM (
          SELECT available_at AS due FROM runs WHERE status = 'pending' AND gate = ${sql.literal(String(Gate.delayed))}
          AND available_at >= 0 ORDER BY available_at LIMIT 1
        ) delayed
      ) next`,
    ([row]) => row?.due ?? null,
  )

/**
 * Sweeps whenever something is due, so that leases lapse, waits expire and delays end even where no worker claims. A sweep
 * that fails is tried again later.
 *
 * @since 0.1.0
 * @category running
 */
export const sweeper = (store: SqlStore): Effect.Effect<never> => {
  const sweepNow = store.writer.operation<void, number, number>({
    name: "Sweep",
    decide: (requests, runs) =>
      Effect.gen(function* () {
        const due = yield* execute(
          store.sql<{ readonly run_pk: number }>`${DueRuns.selectDue(store, runs.now)}`,
        )
        const swept = yield* DueRuns.moveDue(
          runs,
          due.map(({ run_pk }) => run_pk),
        )
        return requests.map(() => Either.right(swept))
      }),
    answer: Function.identity,
  })
  const pause = Effect.gen(function* () {
    const due = yield* store.read("Sweep", nextDue(store))
    const now = yield* store.read("Sweep", store.dialect.now)
    if (due !== null && due <= now && (yield* sweepNow()) > 0) return Duration.zero
    return due === null || due <= now
      ? LongPoll.slowPoll
      : Duration.min(Duration.millis(due - now), LongPoll.slowPoll)
  })
  return pause.pipe(
    Effect.tapError((error) => Effect.logWarning("The sweep failed and will be tried again", error)),
    Effect.orElseSucceed(() => LongPoll.slowPoll),
    Effect.flatMap((duration) => Effect.sleep(duration)),
    Effect.forever,
  )
}
