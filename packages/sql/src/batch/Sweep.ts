/**
 * Time passing: leases lapse, waits expire, delays end.
 *
 * @since 0.1.0
 */
import type { Fragment } from "@effect/sql/Statement"
import { type ControlPlaneUnavailable, Leases, LongPoll } from "@runlease/core"
import { Duration, Effect, Either } from "effect"
import { execute } from "../dialect/ExecuteStatement.js"
import * as Moves from "./Moves.js"
import * as RunBatch from "./RunBatch.js"
import { Gate, type RunRow } from "../rows/RunRow.js"
import type { SqlStore } from "./SqlStore.js"

/** How many lapsed leases, expired waits and ended delays one sweep takes of each, so that it stays short. */
const batch = 200

/** What is due, if it still is: another control plane may have moved the run since it was found. */
const dueMove = (row: RunRow, now: number): Moves.Move | undefined => {
  if (row.status === "running" && row.lease_expires_at !== null && row.lease_expires_at <= now) {
    return Moves.lapse(row, now)
  }
  if (Moves.waitIsOver(row, now)) return Moves.expireWait(row, now)
  return row.status === "pending" && row.gate === Gate.delayed && row.available_at <= now
    ? Moves.resume(row, now)
    : undefined
}

/** Says of a candidate that it is due, and was found by no probe. */
export const dueProbe = -1

/** Selects the runs that are due by `now`; three index probes when there are none. */
export const selectDue = ({ sql }: SqlStore, now: Fragment | number): Fragment => {
  const atMost = sql.literal(String(batch))
  return sql`SELECT ${sql.literal(String(dueProbe))} AS probe, run_pk FROM (
      SELECT run_pk FROM runs WHERE status = 'running' AND lease_owner IS NOT NULL AND lease_expires_at <= ${now}
      ORDER BY lease_expires_at LIMIT ${atMost}
    ) lapsed
    UNION ALL
    SELECT ${sql.literal(String(dueProbe))} AS probe, run_pk FROM (
      SELECT run_pk FROM runs WHERE status = 'waiting' AND waiting_expires_at <= ${now}
      ORDER BY waiting_expires_at LIMIT ${atMost}
    ) expired
    UNION ALL
    SELECT ${sql.literal(String(dueProbe))} AS probe, run_pk FROM (
      SELECT run_pk FROM runs WHERE status = 'pending' AND gate = ${sql.literal(String(Gate.delayed))}
      AND available_at <= ${now} ORDER BY available_at LIMIT ${atMost}
    ) delayed`
}

/**
 * Makes every lapsed run among these pending again, or failed, fails every one that waited too long, and lets every one
 * go whose time has come; gives how many there were.
 */
export const moveDue = Effect.fnUntraced(function* (runs: RunBatch.RunBatch, keys: ReadonlyArray<number>) {
  if (keys.length === 0) return 0
  const rows = yield* runs.loadFree(keys)
  const moves = rows.flatMap((row) => dueMove(row, runs.now) ?? [])
  for (const move of moves) runs.move(move)
  yield* runs.flush
  return moves.length
})

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
  store.writer.operation<void, void>({
    name: "shortenLeases",
    run: (requests) =>
      Effect.gen(function* () {
        const latest = (yield* store.dialect.now) + Duration.toMillis(Leases.maxLeaseDuration)
        yield* store.sql`UPDATE runs SET lease_expires_at = ${latest}
          WHERE status = 'running' AND lease_owner IS NOT NULL AND lease_expires_at > ${latest}`
        return requests.map(() => Either.void)
      }),
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
 * Sweeps whenever something is due, so that leases lapse, waits expire and delays end without anybody claiming. A database
 * that does not answer is asked again later.
 *
 * @since 0.1.0
 * @category running
 */
export const sweeper = (store: SqlStore): Effect.Effect<never> => {
  const sweepNow = store.writer.operation<void, number>({
    name: "Sweep",
    run: (requests, commit) =>
      Effect.gen(function* () {
        const runs = yield* RunBatch.ofCommit(store, commit)
        const due = yield* execute(store.sql<{ readonly run_pk: number }>`${selectDue(store, runs.now)}`)
        const swept = yield* moveDue(
          runs,
          due.map(({ run_pk }) => run_pk),
        )
        return requests.map(() => Either.right(swept))
      }),
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
