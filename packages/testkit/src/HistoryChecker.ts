/**
 * Reads the history of a simulation and tells which invariants it broke.
 *
 * It knows nothing of the code that made the history: all that it judges by is what was asked and answered, what executors did, and how
 * it ended.
 *
 * @since 0.1.0
 */
import type { History } from "./simulation/History.js"
import { oneHolder } from "./simulation/invariants/OneHolder.js"
import type { Invariant, Violation } from "./simulation/invariants/Violation.js"

export type * from "./simulation/History.js"
export type { Invariant, Name, Violation } from "./simulation/invariants/Violation.js"

/**
 * The invariants, each with a sentence that says what always holds.
 *
 * @since 0.1.0
 * @category invariants
 */
export const invariants: ReadonlyArray<Invariant> = [oneHolder]

/**
 * What the history has broken; empty for a correct one.
 *
 * @since 0.1.0
 * @category checking
 */
export const violations = (history: History): ReadonlyArray<Violation> =>
  invariants.flatMap(({ broken, name }) =>
    broken(history).map((sentence): Violation => ({ invariant: name, sentence })),
  )
