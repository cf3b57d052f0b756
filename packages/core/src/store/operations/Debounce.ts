/**
 * A submission to the runs of its key that no worker has claimed: one of them takes it.
 *
 * Source: docs/decisions/0104-debounce.md
 *
 * @since 0.1.0
 */
import type { RequestSnapshot } from "../../model/RequestSnapshot.js"
import * as DebounceRules from "../../rules/DebounceRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import { logKey } from "../commit/Wakeups.js"
import type { DetailChanges, RunRef, StoredRun } from "../rows/RunRows.js"
import type { Found } from "./SubmitReads.js"
import { debouncedName, debouncedOf, requested, type Request } from "./SubmitRequest.js"

/** The earlier runs of the key of a submission; undefined where it has none. */
const earlierOf = ({ debounced }: Found, request: Request): Array<RunRef> | undefined => {
  const name = debouncedOf(request)
  return name && debounced.get(debouncedName(name))
}

/** Whether one of these runs, by the names of their logs, has the key of the submission. */
export const isAmong = (found: Found, request: Request, runs: ReadonlyMap<string, unknown>): boolean =>
  earlierOf(found, request)?.some((ref) => runs.has(logKey(ref))) === true

/** Records that the run of a submission takes later ones of its key. */
export const enter = (found: Found, request: Request): void => {
  const { projectId, runId } = request
  earlierOf(found, request)?.push({ projectId, runId })
}

/**
 * Gives a submission to the newest run of its key that takes it, and then changes the `details` of that run too. Undefined where the
 * submission is to be a run.
 *
 * @since 0.1.0
 * @category operations
 */
export const take = <X>(
  batch: RunBatch<X>,
  found: Found,
  request: Request,
  snapshot: RequestSnapshot,
  details: (run: StoredRun) => DetailChanges,
): StoredRun | undefined => {
  const { debounce } = request.submission
  const run = earlierOf(found, request)
    ?.map((ref) => batch.find(ref))
    .findLast((earlier) => earlier !== undefined && DebounceRules.takes(earlier.state, batch.now))
  if (debounce === undefined || run === undefined) return undefined
  return batch.apply(run, DebounceRules.postpone(run.state, debounce, batch.now), {
    ...details(run),
    request: requested(request, snapshot),
  })
}
