/**
 * A submission to the runs of its key that no worker has claimed: one of them takes it.
 *
 * Source: docs/decisions/0104-debounce.md
 */
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import { Effect } from "effect"
import * as DebounceRules from "../rules/DebounceRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import { logKey } from "../commit/Wakeups.js"
import { requested, type Request } from "./SubmitRequest.js"
import type { Debounced, DetailChanges, RunRef, StoredRun } from "../rows/RunRows.js"

/** The runs that took earlier submissions of keys, the oldest first, by `nameOf`. */
export type Earlier = ReadonlyMap<string, Array<RunRef>>

/** Names such runs among those of all projects. */
const nameOf = ({ agentId, key, projectId }: Debounced): string => JSON.stringify([projectId, agentId, key])

/** The runs that may take a submission; undefined where it is to be a run in any case. */
const debouncedOf = ({ projectId, submission: { agentId, debounce } }: Request): Debounced | undefined =>
  debounce === undefined ? undefined : { projectId, agentId, key: debounce.key }

/** Reads the runs that may take these submissions. */
export const read = <X>(
  requests: ReadonlyArray<Request>,
  { add, rows }: RunBatch<X>,
): Effect.Effect<Earlier, X> => {
  const keys = new Map<string, Debounced>()
  for (const request of requests) {
    const key = debouncedOf(request)
    if (key !== undefined) keys.set(nameOf(key), key)
  }
  const earlier = new Map(Array.from(keys.keys(), (name): [string, Array<RunRef>] => [name, []]))
  return Effect.map(rows.debounced([...keys.values()]), (runs) => {
    for (const run of runs) {
      const { agentId, debounceKey, projectId, runId } = add(run).state.spec
      if (debounceKey !== null) {
        earlier.get(nameOf({ projectId, agentId, key: debounceKey }))?.push({ projectId, runId })
      }
    }
    return earlier
  })
}

/** The earlier runs of the key of a submission; undefined where it has none. */
const earlierOf = (earlier: Earlier, request: Request): Array<RunRef> | undefined => {
  const key = debouncedOf(request)
  return key && earlier.get(nameOf(key))
}

/** Whether one of these runs, by the names of their logs, has the key of the submission. */
export const isAmong = (earlier: Earlier, request: Request, runs: ReadonlyMap<string, unknown>): boolean =>
  earlierOf(earlier, request)?.some((ref) => runs.has(logKey(ref))) === true

/** Records that the run of a submission takes later ones of its key. */
export const enter = (earlier: Earlier, request: Request): void => {
  const { projectId, runId } = request
  earlierOf(earlier, request)?.push({ projectId, runId })
}

/**
 * Adds a submission to the newest run of its key that absorbs it, and then changes the `details` of that run too. Undefined where the
 * submission is to be a run.
 */
export const take = <X>(
  batch: RunBatch<X>,
  earlier: Earlier,
  request: Request,
  snapshot: RequestSnapshot,
  details: (run: StoredRun) => DetailChanges,
): StoredRun | undefined => {
  const { debounce } = request.submission
  const run = earlierOf(earlier, request)
    ?.map((ref) => batch.find(ref))
    .findLast((found) => found !== undefined && DebounceRules.absorbs(found.state, batch.now))
  if (debounce === undefined || run === undefined) return undefined
  return batch.apply(run, DebounceRules.postpone(run.state, debounce, batch.now), {
    ...details(run),
    request: requested(request, snapshot),
  })
}
