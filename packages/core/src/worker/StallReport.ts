/**
 * The report of a stall: a measurement, an event of the worker and a line of the log.
 *
 * @since 0.1.0
 */
import { Duration, Effect } from "effect"
import type { ClaimedRun } from "../model/Run.js"
import type { Stall } from "./RenewalRounds.js"
import * as WorkerEvent from "./WorkerEvent.js"
import * as WorkerMetrics from "./WorkerMetrics.js"

/** A line names no more runs than this. */
const namedRuns = 20

const lineOf = ({ duration, stoppedAfter }: Stall, runs: ReadonlyArray<ClaimedRun>): string => {
  const names = runs.slice(0, namedRuns).map(({ agentId, runId }) => `${runId} (${agentId})`)
  const more = runs.length > namedRuns ? ` and ${runs.length - namedRuns} more` : ""
  const stopped =
    stoppedAfter === undefined
      ? ""
      : `. Leases were not renewed after ${Duration.format(stoppedAfter)}, so other workers may have these runs`
  return `The event loop stood still for ${Duration.toSeconds(duration).toFixed(1)} s while ${
    runs.length === 1 ? "this run was" : "these runs were"
  } executing: ${names.join(", ")}${more}${stopped}`
}

/**
 * Counts a stall that has ended, and publishes it with the runs that were executing. The effect logs it. Where no run was executing, it
 * is only counted.
 *
 * @since 0.1.0
 * @category reporting
 */
export const report = (
  stall: Stall,
  runs: ReadonlyArray<ClaimedRun>,
  publish: (event: WorkerEvent.WorkerEvent) => void,
): Effect.Effect<void> => {
  WorkerMetrics.stalls.add(Duration.toSeconds(stall.duration))
  if (runs.length === 0) return Effect.void
  publish(WorkerEvent.Stalled({ ...stall, runs }))
  return Effect.logWarning(lineOf(stall, runs))
}
