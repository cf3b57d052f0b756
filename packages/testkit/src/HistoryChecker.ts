/**
 * Reads the history of a simulation and reports which invariants it broke.
 *
 * It is independent of the code that made the history. It judges by requests and answers, by what executors did, and by how
 * it ended.
 */
import type { History } from "./simulation/History.js"
import { nothingLost, nothingTwice, logIsAgUi } from "./simulation/invariants/Log.js"
import {
  attemptsAreMarked,
  poisonStops,
  fenced,
  lanesKeepOrder,
  oneHolder,
} from "./simulation/invariants/Holders.js"
import { budgetsAreExact, childrenOnce } from "./simulation/invariants/Children.js"
import { cancelIsState, eachRunEnds, storeAnswers, waitsHoldNothing } from "./simulation/invariants/Ends.js"
import { executionsOf } from "./simulation/invariants/ExecutorSpans.js"
import { limitsHold } from "./simulation/invariants/Limits.js"
import { messagesOnce } from "./simulation/invariants/Messages.js"
import { stepsOnce } from "./simulation/invariants/Steps.js"
import { ticksOnce } from "./simulation/invariants/Ticks.js"
import type { Invariant, Violation } from "./simulation/invariants/Violation.js"

export type * from "./simulation/History.js"
export type { Invariant, Name, Violation } from "./simulation/invariants/Violation.js"

/** The invariants, each with a sentence that says what always holds. */
export const invariants: ReadonlyArray<Invariant> = [
  oneHolder,
  fenced,
  nothingLost,
  nothingTwice,
  cancelIsState,
  logIsAgUi,
  attemptsAreMarked,
  lanesKeepOrder,
  poisonStops,
  stepsOnce,
  waitsHoldNothing,
  childrenOnce,
  messagesOnce,
  budgetsAreExact,
  ticksOnce,
  limitsHold,
  storeAnswers,
  eachRunEnds,
]

/** What the history has broken; empty for a correct one. */
export const violations = (history: History): ReadonlyArray<Violation> => {
  const executions = executionsOf(history)
  return invariants.flatMap(({ broken, name }) =>
    broken(history, executions).map((sentence): Violation => ({ invariant: name, sentence })),
  )
}
