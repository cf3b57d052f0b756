/** What a history has broken. */
import type { History } from "../History.js"
import type { Execution } from "./ExecutorSpans.js"

/** The invariants by their names. */
export type Name =
  | "one-holder"
  | "fenced"
  | "nothing-lost"
  | "nothing-twice"
  | "cancel-is-state"
  | "log-is-ag-ui"
  | "attempts-are-marked"
  | "lanes-keep-order"
  | "poison-stops"
  | "steps-once"
  | "waits-hold-nothing"
  | "children-once"
  | "messages-once"
  | "budgets-are-exact"
  | "ticks-once"
  | "limits-hold"
  | "store-answers"
  | "each-run-ends"

/** `sentence` says what happened, with its instants. */
export interface Violation {
  readonly invariant: Name
  readonly sentence: string
}

/** One invariant: the sentences for what broke it. */
export interface Invariant {
  readonly name: Name
  /** What always holds, as a sentence. */
  readonly holds: string
  readonly broken: (history: History, executions: ReadonlyArray<Execution>) => ReadonlyArray<string>
}

/** An instant for a sentence: seconds, to the millisecond. */
export const instant = (millis: number): string => `${(millis / 1000).toFixed(3)} s`
