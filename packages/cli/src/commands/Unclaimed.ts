/**
 * Why a run that is watched does not begin.
 */
import { type Ids, type Run, Runs, WorkerRegistry, WorkerState } from "@runlease/core"
import { Console, DateTime, Effect, Predicate } from "effect"

/** How long a run may stay pending before that is worth a word. */
const patience = "5 seconds"

/** Whether a worker claims runs of that kind, key and agent; `agent_ids` are in its metadata where it claims only some. */
const takes =
  (run: Run.Run, now: DateTime.Utc) =>
  (worker: WorkerRegistry.RegisteredWorker): boolean => {
    const state = WorkerState.of(worker, now)
    const { metadata } = worker
    const agents = Predicate.hasProperty(metadata, "agent_ids") ? metadata.agent_ids : undefined
    return (
      (state === "working" || state === "idle") &&
      (run.implementationKind === null || run.implementationKind === worker.implementationKind) &&
      (run.workerKey === null || run.workerKey === worker.workerKey) &&
      (!Array.isArray(agents) || agents.includes(run.agentId))
    )
  }

const startOne = ({ agentId, implementationKind, workerKey }: Run.Run): string =>
  [
    `runlease worker --agent ${agentId}`,
    ...(implementationKind === null ? [] : [`--kind ${implementationKind}`]),
    ...(workerKey === null ? [] : [`--key ${workerKey}`]),
    "--command PROGRAM",
  ].join(" ")

const reasonOf = (
  run: Run.Run,
  workers: ReadonlyArray<WorkerRegistry.RegisteredWorker>,
  now: DateTime.Utc,
) => {
  if (DateTime.greaterThan(run.availableAt, now)) {
    return `Run ${run.runId} may be claimed from ${DateTime.formatIso(run.availableAt)} on.`
  }
  const suited = workers.filter(takes(run, now))
  return suited.length === 0
    ? `No worker that takes runs of agent ${run.agentId} is working. Start one with: ${startOne(run)}`
    : `Run ${run.runId} waits for a slot of ${suited.length === 1 ? "the worker" : `one of the ${suited.length} workers`} that may take it, or for an earlier run of its conversation.`
}

/** Says on stderr, once, why the run is still pending after a few seconds; says nothing where it is not. */
export const explain = Effect.fnUntraced(function* (runId: Ids.RunId) {
  yield* Effect.sleep(patience)
  const runs = yield* Runs.Runs
  const registry = yield* WorkerRegistry.WorkerRegistry
  const run = yield* runs.get(runId)
  if (run.status !== "pending") return
  const { items } = yield* registry.list({ limit: 100 })
  yield* Console.error(reasonOf(run, items, yield* DateTime.now))
}, Effect.ignore)
