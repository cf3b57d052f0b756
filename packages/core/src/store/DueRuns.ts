/**
 * Runs that time moves: their lease has lapsed, their wait or their delay is over, or they have ended before their children.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Transitions from "../rules/Transitions.js"
import type { RunBatch } from "./RunBatch.js"
import type { RunKey } from "./RunRows.js"

/**
 * Applies what time has made of these runs, and writes it. Returns how many of them were still due.
 *
 * @since 0.1.0
 * @category running
 */
export const moveDue = <X>(batch: RunBatch<X>, keys: ReadonlyArray<RunKey>): Effect.Effect<number, X> => {
  if (keys.length === 0) return Effect.succeed(0)
  return Effect.flatMap(batch.rows.findFree(keys), (found) => {
    let moved = 0
    for (const run of found.map(batch.add)) {
      const due = Transitions.due(run.state, batch.now)
      if (due === undefined) continue
      batch.apply(run, due)
      moved += 1
    }
    return Effect.as(batch.flush, moved)
  })
}
