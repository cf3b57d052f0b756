/**
 * What transitions of a run spend of the budget of its tree.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0063-budgets.md
 *
 * @since 0.1.0
 */
import type { LogEvent } from "../model/AgentEvent.js"
import * as Budget from "../model/TreeBudget.js"
import type * as Ids from "../model/Ids.js"
import { budgetRootOf, type Holder, type RunState } from "./RunState.js"

/** The run has spent of the budget that this root has. */
export interface Spends {
  readonly _tag: "Spent"
  readonly root: Ids.RunId
  readonly spent: Partial<Budget.Spent>
}

const nothing: ReadonlyArray<Spends> = []

/** What the events that a run appends spend. */
export const ofEvents = (state: RunState, events: ReadonlyArray<LogEvent>): ReadonlyArray<Spends> => {
  const root = budgetRootOf(state)
  const spent = root === undefined ? undefined : Budget.ofEvents(events)
  return root === undefined || spent === undefined ? nothing : [{ _tag: "Spent", root, spent }]
}

const secondsOf = ({ expiresAt, renewedAt }: Holder, now: number): number =>
  Math.max(0, Math.min(now, expiresAt) - renewedAt) / 1000

/** What the time under lease since its last renewal spends. */
export const ofLease = (state: RunState, now: number): ReadonlyArray<Spends> => {
  const { holder, status } = state
  const root = holder === null || status !== "running" ? undefined : budgetRootOf(state)
  return root === undefined ? nothing : [{ _tag: "Spent", root, spent: { seconds: secondsOf(holder!, now) } }]
}

/** What a new child spends. */
export const ofSpawn = (parent: RunState): ReadonlyArray<Spends> => {
  const root = budgetRootOf(parent)
  return root === undefined ? nothing : [{ _tag: "Spent", root, spent: { runs: 1 } }]
}
