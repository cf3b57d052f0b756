/**
 * Runs that time moves: their lease has lapsed, their wait has expired or their delay is over.
 *
 * @since 0.1.0
 */
import type { Fragment } from "@effect/sql/Statement"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { Gate, type RunRow } from "../rows/RunRow.js"
import * as Moves from "./Moves.js"
import type * as RunBatch from "./RunBatch.js"

/** The largest number of lapsed leases, of expired waits and of ended delays in one commit. */
const mostOfEach = 200

/** The move of a run that is still due: another control plane may have moved it since it was found. */
const dueMove = (row: RunRow, now: number): Moves.Move | undefined => {
  if (row.status === "running" && row.lease_expires_at !== null && row.lease_expires_at <= now) {
    return Moves.lapse(row, now)
  }
  if (Moves.waitIsOver(row, now)) return Moves.expireWait(row, now)
  return row.status === "pending" && row.gate === Gate.delayed && row.available_at <= now
    ? Moves.resume(row, now)
    : undefined
}

/** The probe of a candidate that is due, and that no probe found. */
export const dueProbe = -1

/** Selects the runs that are due by `now`; three index probes when there are none. */
export const selectDue = ({ sql }: Database, now: Fragment | number): Fragment => {
  const atMost = sql.literal(String(mostOfEach))
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
 * Moves the runs that are due: a lapsed one is pending again, or failed; one that waited too long fails; one whose delay
 * is over becomes runnable. Returns their number.
 */
export const moveDue = Effect.fnUntraced(function* (runs: RunBatch.RunBatch, keys: ReadonlyArray<number>) {
  if (keys.length === 0) return 0
  const rows = yield* runs.loadFree(keys)
  const moves = rows.flatMap((row) => dueMove(row, runs.now) ?? [])
  for (const move of moves) runs.move(move)
  yield* runs.flush
  return moves.length
})
