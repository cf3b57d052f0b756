/**
 * Runs that time moves: their lease has lapsed, their wait has expired or their delay is over.
 *
 * @since 0.1.0
 */
import type { Fragment } from "@effect/sql/Statement"
import { Transitions } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { Gate } from "../rows/RunRow.js"
import type * as RunBatch from "./RunBatch.js"

/** The largest number of lapsed leases, of expired waits and of ended delays in one commit. */
const mostOfEach = 200

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

/** Applies what time has made of these runs. Returns the number of those that are still due. */
export const moveDue = Effect.fnUntraced(function* (runs: RunBatch.RunBatch, keys: ReadonlyArray<number>) {
  if (keys.length === 0) return 0
  let moved = 0
  for (const run of yield* runs.loadFree(keys)) {
    const due = Transitions.due(run.state, runs.now)
    if (due === undefined) continue
    runs.apply(run, due)
    moved += 1
  }
  yield* runs.flush
  return moved
})
