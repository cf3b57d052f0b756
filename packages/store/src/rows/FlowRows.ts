/**
 * The rows of flows in one transaction: how far the ranks of each key go in each set.
 *
 * `X` is the failure of the store.
 *
 * Source: docs/decisions/0105-fairness.md, docs/writing-a-store.md
 */
import type { Effect } from "effect"
import type { RankedSet, SetRanks } from "../rules/FairRules.js"

/** A set, and the keys whose finishes are wanted. */
export interface WantedRanks {
  readonly set: RankedSet
  readonly keys: ReadonlyArray<string>
}

/** Moves a key of a set on: its finish becomes the larger one of itself and `from`, and then `by` more. */
export interface FlowChange {
  readonly set: RankedSet
  readonly key: string
  readonly from: number
  readonly by: number
}

/** Keys of a set whose finish is at most `upTo` say nothing any more. */
export interface Forgotten {
  readonly set: RankedSet
  readonly upTo: number
}

export interface FlowRows<X> {
  /** The ranks of these sets, in their order. Nothing is locked, so two commits may give one rank twice. */
  readonly read: (wanted: ReadonlyArray<WantedRanks>) => Effect.Effect<ReadonlyArray<SetRanks>, X>

  /** Each key of a set is in one change at most. */
  readonly move: (changes: ReadonlyArray<FlowChange>) => Effect.Effect<void, X>

  /** Deletes at most `most` of them, without those that another transaction is writing. */
  readonly forget: (sets: ReadonlyArray<Forgotten>, most: number) => Effect.Effect<void, X>
}
