/**
 * Explains why a watched run does not start.
 */
import { type Ids, type Run, Runs, WorkerRegistry, WorkerState } from "@runlease/core"
import { PendingObstacle } from "@runlease/core/internal"
import { Console, DateTime, Effect } from "effect"

/** How long a run may stay pending before the command explains why. */
const explainAfter = "5 seconds"

/** Whether a worker that claims takes the run. */
const canClaim =
  (run: Run.Run, now: DateTime.Utc) =>
  (worker: WorkerRegistry.RegisteredWorker): boolean => {
    const state = WorkerState.of(worker, now)
    return (state === "working" || state === "idle") && WorkerState.canClaim(worker, run)
  }

const reasonOf = (
  run: Run.Run,
  workers: ReadonlyArray<WorkerRegistry.RegisteredWorker>,
  now: DateTime.Utc,
) => {
  if (DateTime.greaterThan(run.availableAt, now)) {
    return `Run ${run.runId} may be claimed from ${DateTime.formatIso(run.availableAt)} on.`
  }
  const candidates = workers.filter(canClaim(run, now))
  return candidates.length === 0
    ? `No worker that takes runs of agent ${run.agentId} is working. Start one with: ${PendingObstacle.startCommand(run)}`
    : `Run ${run.runId} waits for a slot of ${candidates.length === 1 ? "the worker" : `one of the ${candidates.length} workers`} that may take it, or for an earlier run of its conversation.`
}

/** Prints on stderr that no worker takes a run which waits for one now. Prints nothing for any other run. */
export const warn = (run: Run.Run) =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    if (run.status !== "pending" || DateTime.greaterThan(run.availableAt, now)) return
    const registry = yield* WorkerRegistry.WorkerRegistry
    const { items } = yield* registry.list({ limit: 100 })
    if (!items.some(canClaim(run, now))) yield* Console.error(reasonOf(run, items, now))
  }).pipe(Effect.ignore)

/** Prints on stderr, once, why a run is still pending after five seconds. Prints nothing for any other run. */
export const explain = Effect.fnUntraced(function* (runId: Ids.RunId) {
  yield* Effect.sleep(explainAfter)
  const runs = yield* Runs.Runs
  const registry = yield* WorkerRegistry.WorkerRegistry
  const run = yield* runs.get(runId)
  if (run.status !== "pending") return
  const { items } = yield* registry.list({ limit: 100 })
  yield* Console.error(reasonOf(run, items, yield* DateTime.now))
}, Effect.ignore)
