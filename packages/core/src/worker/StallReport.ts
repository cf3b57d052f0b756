/** The report of a stall: a measurement, an event of the worker and a line of the log. */
import { Duration, Effect } from "effect"
import type { ClaimedRun } from "../model/Run.js"
import type { Stall } from "./RenewalRounds.js"
import * as WorkerEvent from "./WorkerEvent.js"
import * as WorkerMetrics from "./WorkerMetrics.js"

/** A line names no more runs than this. */
const namedRuns = 20

const lineOf = (
  { duration, stoppedAfter }: Stall,
  runs: ReadonlyArray<ClaimedRun>,
  areBlockers: boolean,
): string => {
  const names = runs.slice(0, namedRuns).map(({ agentId, runId }) => `${runId} (${agentId})`)
  const more = runs.length > namedRuns ? ` and ${runs.length - namedRuns} more` : ""
  const these = runs.length === 1 ? "this run" : "these runs"
  const whose = areBlockers
    ? `in the code of ${these}`
    : `while ${these} ${runs.length === 1 ? "was" : "were"} executing`
  const stopped =
    stoppedAfter === undefined
      ? ""
      : `. Leases were not renewed after ${Duration.format(stoppedAfter)}, so other workers may have the runs of this worker`
  const seconds = Duration.toSeconds(duration).toFixed(1)
  return `The event loop stood still for ${seconds} s ${whose}: ${names.join(", ")}${more}${stopped}`
}

/**
 * Counts a stall that has ended, and publishes it with the runs whose code blocked the loop, or with all that were executing where it is
 * unclear whose. The effect logs it. Where no run was executing, it is only counted.
 */
export const report = (
  stall: Stall,
  runs: { readonly blockers: ReadonlyArray<ClaimedRun>; readonly executing: ReadonlyArray<ClaimedRun> },
  publish: (event: WorkerEvent.WorkerEvent) => void,
): Effect.Effect<void> => {
  WorkerMetrics.stalls.add(Duration.toSeconds(stall.duration))
  const areBlockers = runs.blockers.length > 0
  const named = areBlockers ? runs.blockers : runs.executing
  if (named.length === 0) return Effect.void
  publish(WorkerEvent.Stalled({ ...stall, runs: named, areBlockers }))
  return Effect.logWarning(lineOf(stall, named, areBlockers))
}
