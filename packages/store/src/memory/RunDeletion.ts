/** Deletes finished runs, with what belongs to them, from the state in memory. */
import * as CounterRows from "../rows/CounterRows.js"
import { openChildren } from "../rules/ChildTransitions.js"
import * as MemoryCounters from "./MemoryCounters.js"
import type * as State from "./State.js"

/** A run is needed until it has ended. A child is read by its parent until that has ended, and a parent is needed until its children have. */
export const isNeeded = (project: State.ProjectState, { state: run }: State.MemoryRun): boolean => {
  const parent = run.spec.child && project.runs.get(run.spec.child.parent)
  return (
    run.finishedAt === null || openChildren(run) > 0 || (parent != null && parent.state.finishedAt === null)
  )
}

export const remove = (
  state: State.State,
  project: State.ProjectState,
  runs: ReadonlyArray<State.MemoryRun>,
  now: number,
): void => {
  const gone = new Set(runs.map(({ state: { spec } }) => spec.runId))
  for (const { publicId, runId } of project.inputs.values()) {
    if (gone.has(runId)) project.inputs.delete(publicId)
  }
  const counters = CounterRows.make(now)
  for (const { key, state: run } of runs) {
    counters.deleted(run.spec, run.status)
    project.runs.delete(run.spec.runId)
    state.records.delete(key)
    project.thinned.add(run.spec.conversationId)
  }
  MemoryCounters.add(state, counters.take())
}
