/** The steps of a baseline: the writes of a worker, and nothing else. */
import type { ClaimedRow } from "./Rows.js"

type Result<A> = A | Promise<A>

export interface Hand {
  readonly claim: (limit: number) => Result<ReadonlyArray<ClaimedRow>>
  readonly complete: (runs: ReadonlyArray<ClaimedRow>) => Result<unknown>
  /** One event for each mention of a run. */
  readonly append: (mentions: ReadonlyArray<ClaimedRow>) => Result<unknown>
}
