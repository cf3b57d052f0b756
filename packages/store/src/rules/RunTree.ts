/** What a run has to do with the other runs of its tree: its place below its parent, its children, and the budget of the tree. */
import type * as Ids from "@runlease/core/Ids"
import type { Budget } from "@runlease/core/TreeBudget"

/**
 * How a run belongs to its parent. `index`: the children of a run are counted from 0. `depth`: how many runs are above it. `lanes`: those
 * of the runs above it, absent for none. `budget`: the root whose budget it spends; absent where the tree has none. `tellsParent`: its end
 * is a message to its parent.
 */
export interface ChildSpec {
  readonly parent: Ids.RunId
  readonly index: number
  readonly depth: number
  readonly lanes?: ReadonlyArray<string>
  readonly budget?: Ids.RunId
  readonly tellsParent?: true
}

/** The budget of a tree, and the runs below its root that wait for it. */
export interface Ledger extends Budget {
  readonly waiting: ReadonlyArray<Ids.RunId>
}

/**
 * The children of a run: how many there are, how many of them have not ended, and which have. `ended` is a number in hex digits, whose
 * bit `n` is that of the child with index `n`.
 */
export interface Children {
  readonly count: number
  readonly open: number
  readonly ended: string
}
