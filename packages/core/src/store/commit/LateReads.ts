/**
 * Reads of a commit that are made with its last writes.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { RunKey, StoredRun } from "../rows/RunRows.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface LateReads<X> {
  /** What `read` gives of these runs. The map is empty until then. */
  readonly read: <A>(
    runs: ReadonlyArray<StoredRun>,
    read: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, A>, X>,
  ) => ReadonlyMap<RunKey, A>
  /** All that is to be read. */
  readonly reads: () => ReadonlyArray<Effect.Effect<void, X>>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(): LateReads<X> => {
  const reads: Array<Effect.Effect<void, X>> = []
  return {
    read: <A>(
      runs: ReadonlyArray<StoredRun>,
      read: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, A>, X>,
    ) => {
      const details = new Map<RunKey, A>()
      if (runs.length > 0) {
        reads.push(Effect.map(read(runs), (found) => found.forEach((value, key) => details.set(key, value))))
      }
      return details
    },
    reads: () => reads,
  }
}
