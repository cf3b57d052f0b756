/**
 * What a run charges to the budget of its tree.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0063-budgets.md
 */
import type { LogEvent } from "@runlease/core/AgentEvent"
import type * as Ids from "@runlease/core/Ids"
import * as Budget from "@runlease/core/TreeBudget"
import { budgetRootOf, type Holder, type RunState } from "./RunState.js"

/** What a run has spent of the budget of this root. */
export interface BudgetCharge {
  readonly _tag: "Spent"
  readonly root: Ids.RunId
  readonly spent: Partial<Budget.Spent>
}

const nothing: ReadonlyArray<BudgetCharge> = []

/** Charges the events that a run appends. */
export const chargeEvents = (
  state: RunState,
  events: ReadonlyArray<LogEvent>,
): ReadonlyArray<BudgetCharge> => {
  const root = budgetRootOf(state)
  const spent = root === undefined ? undefined : Budget.ofEvents(events)
  return root === undefined || spent === undefined ? nothing : [{ _tag: "Spent", root, spent }]
}

const secondsOf = ({ expiresAt, renewedAt }: Holder, now: number): number =>
  Math.max(0, Math.min(now, expiresAt) - renewedAt) / 1000

/** Charges the time under lease since its last renewal. */
export const chargeLease = (state: RunState, now: number): ReadonlyArray<BudgetCharge> => {
  const { holder, status } = state
  const root = holder === null || status !== "running" ? undefined : budgetRootOf(state)
  return root === undefined ? nothing : [{ _tag: "Spent", root, spent: { seconds: secondsOf(holder!, now) } }]
}

/** Charges a new child. */
export const chargeSpawn = (parent: RunState): ReadonlyArray<BudgetCharge> => {
  const root = budgetRootOf(parent)
  return root === undefined ? nothing : [{ _tag: "Spent", root, spent: { runs: 1 } }]
}
