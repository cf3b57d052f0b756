/**
 * The counters of runs in memory, which are added up at once.
 */
import type * as Ids from "@runlease/core/Ids"
import { addUp, type CounterDelta, type CounterSum, keyOf, stepMillis, sumsOf } from "../rows/CounterRows.js"
import type { CounterQuery } from "../rows/RunStore.js"
import * as State from "./State.js"

export const add = (state: State.State, deltas: ReadonlyArray<CounterDelta>): void => {
  for (const sum of deltas.flatMap(sumsOf)) {
    const { counters } = State.projectOf(state, sum.projectId)
    const key = keyOf(sum)
    const before = counters.get(key)
    counters.set(key, before === undefined ? sum : addUp([before, sum])[0]!)
    state.undo.push(() => {
      if (before === undefined) counters.delete(key)
      else counters.set(key, before)
    })
  }
}

export const read = (
  state: State.State,
  projectId: Ids.ProjectId,
  { agentId, periods }: CounterQuery,
): ReadonlyArray<CounterSum> =>
  Array.from(State.projectOf(state, projectId).counters.values()).filter(
    (sum) =>
      (agentId === undefined || sum.agentId === agentId) &&
      (sum.step === "ever" ||
        (periods !== undefined && sum.step === periods.step && sum.start >= periods.first)),
  )

/** Deletes the counters of periods that have ended by then. */
export const prune = ({ counters }: State.ProjectState, before: number): void => {
  for (const [key, sum] of counters) {
    if (sum.step !== "ever" && sum.start + stepMillis[sum.step] <= before) counters.delete(key)
  }
}
