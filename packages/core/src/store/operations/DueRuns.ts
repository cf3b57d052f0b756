/**
 * Runs that time moves: their lease has lapsed, their wait or their delay is over, or they have ended before their children.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Transitions from "../../rules/Transitions.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunKey, StoredRun } from "../rows/RunRows.js"

/**
 * Applies what time has made of these runs, and writes it. Returns how many of them were still due.
 *
 * @since 0.1.0
 * @category running
 */
export const moveDue = <X>(batch: RunBatch<X>, keys: ReadonlyArray<RunKey>): Effect.Effect<number, X> => {
  if (keys.length === 0) return Effect.succeed(0)
  const move = (found: StoredRun): boolean => {
    const run = batch.add(found)
    const due = Transitions.due(run.state, batch.now)
    if (due !== undefined) batch.apply(run, due)
    return due !== undefined
  }
  return Effect.flatMap(batch.rows.findFree(keys), (found) =>
    Effect.flatMap(batch.inTurn(found, move), (moved) =>
      Effect.as(batch.flush(), moved.filter(Boolean).length),
    ),
  )
}
