/** What a floor does: what a worker has written of its runs, and nothing else. */
import type { Held } from "./Rows.js"

type Answer<A> = A | Promise<A>

export interface Hand {
  readonly claim: (limit: number) => Answer<ReadonlyArray<Held>>
  readonly complete: (runs: ReadonlyArray<Held>) => Answer<unknown>
  /** One event for each mention of a run. */
  readonly append: (mentions: ReadonlyArray<Held>) => Answer<unknown>
}
