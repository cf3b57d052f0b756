/** Parents and children in the model, and what sweeps reach. */
import { isTerminal } from "@runlease/core/Run"
import * as ModelLog from "./ModelLog.js"
import { end, find, resumeRun, replaceRun, type Run, type State, sweep } from "./ModelState.js"

const hasEnded = ({ status }: Run): boolean => isTerminal(status)

/** Whether all of one of these groups have ended. */
export const isOver = ({ ended }: Run, groups: ReadonlyArray<ReadonlyArray<number>>): boolean =>
  groups.some((group) => group.every((index) => ended.includes(index)))

/** The parent after one of its children has ended. */
const addChildEnd = (state: State, parent: Run, index: number): Run => {
  const log = hasEnded(parent) ? parent.log : ModelLog.addChildEvent(parent.log, false)
  const after = { ...parent, log, ended: [...parent.ended, index] }
  return parent.status === "waiting" && isOver(after, parent.awaiting ?? []) ? resumeRun(state, after) : after
}

/** Cancels the children of runs that have ended since `before`, and informs the parents of those that have. */
export const settle = (before: State, after: State): State => {
  const endedBefore = new Set(before.runs.filter(hasEnded).map(({ run }) => run))
  let state = after
  for (;;) {
    const ended = state.runs.filter((run) => hasEnded(run) && !endedBefore.has(run.run))
    if (ended.length === 0) return state
    for (const { run } of ended) {
      endedBefore.add(run)
      for (const child of state.runs) {
        if (child.parent?.run !== run || hasEnded(child)) continue
        state = replaceRun(state, end(state, child, "cancelled", "parent_ended"))
      }
    }
    for (const { parent } of ended) {
      const run = parent === null ? undefined : find(state, parent.run)
      if (run !== undefined) state = replaceRun(state, addChildEnd(state, run, parent!.index))
    }
  }
}

const sweepOne = (state: State, { run }: Run): State => {
  const current = find(state, run)!
  const swept = sweep(state, current)
  return swept === current ? state : settle(state, replaceRun(state, swept))
}

/** Every state that sweeps may reach from this one: a sweep may notice what is due at any later time. */
export const sweeps = (state: State): ReadonlyArray<State> =>
  state.runs.reduce<ReadonlyArray<State>>(
    (states, run) =>
      states.flatMap((each) => {
        const swept = sweepOne(each, run)
        return swept === each ? [each] : [each, swept]
      }),
    [state],
  )

export const sweepAll = (state: State): State => state.runs.reduce(sweepOne, state)
