/**
 * The runs whose leases this process has written last, so that a commit need not read them again.
 *
 * Another process may have written them since. A commit that begins with a remembered run therefore checks it when it writes,
 * and is repeated, with everything read, when the run is not as remembered.
 *
 * Source: docs/decisions/0056-remembered-leases.md
 */
import { Context } from "effect"
import type { RunRef, StoredRun } from "../rows/RunRows.js"
import { logKey } from "./Wakeups.js"

export interface RememberedLeases {
  readonly find: (ref: RunRef) => StoredRun | undefined
  /** Takes a run as a commit has left it. A run without a lease is forgotten. */
  readonly remember: (run: StoredRun) => void
  readonly forget: (run: StoredRun) => void
}

/** `most`: the largest number of runs; the one that was written longest ago is removed. */
export const make = (most = 10_000): RememberedLeases => {
  const runs = new Map<string, StoredRun>()
  return {
    find: (ref) => runs.get(logKey(ref)),
    remember: (run) => {
      const { holder, spec, status } = run.state
      const key = logKey(spec)
      runs.delete(key)
      if (status !== "running" || holder === null) return
      runs.set(key, run)
      if (runs.size > most) runs.delete(runs.keys().next().value!)
    },
    forget: ({ state }) => void runs.delete(logKey(state.spec)),
  }
}

/** Makes what a store remembers: `make` by default. A simulation provides a store that remembers wrongly. */
export class Maker extends Context.Reference<Maker>()("@runlease/store/RememberedLeases", {
  defaultValue: () => (): RememberedLeases => make(),
}) {}
