/** The version of workers that may read what a worker cannot: another one, of which a worker claims such runs now. */
import { DateTime, Effect } from "effect"
import type { ClaimedRun } from "../model/Run.js"
import type { Runs } from "../ports/Runs.js"
import type { RegisteredWorker, WorkerRegistry } from "../ports/WorkerRegistry.js"
import * as WorkerState from "../ports/WorkerState.js"

/** How many workers are looked at: those with the newest heartbeats. */
const most = 100

/**
 * Finds that version for a run of `own`: empty for workers without one, undefined where there is none or the control plane does not answer.
 * Of several it is that of the worker with the newest heartbeat.
 */
export const make =
  (registry: WorkerRegistry["Type"], runs: Runs["Type"], own: Pick<RegisteredWorker, "version">) =>
  ({ runId }: ClaimedRun): Effect.Effect<string | undefined> =>
    Effect.gen(function* () {
      const { version: _version, ...route } = yield* runs.get(runId)
      const { items } = yield* registry.list({ limit: most })
      const now = yield* DateTime.now
      const other = items.find((worker) => {
        const state = WorkerState.of(worker, now)
        return (
          worker.version !== own.version &&
          (state === "idle" || state === "working") &&
          WorkerState.canClaim(worker, route)
        )
      })
      return other && (other.version ?? "")
    }).pipe(Effect.orElseSucceed(() => undefined))
