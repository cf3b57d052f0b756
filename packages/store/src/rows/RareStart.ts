/** Which of several starts a list begins at: the one whose runs are the fewest where the page begins. */
import type * as Ids from "@runlease/core/Ids"
import { Effect } from "effect"
import type { Range, Start, SummaryRows } from "./SummaryRows.js"

/** How many runs of each start are looked at. */
const sample = 256

/**
 * Reads runs of each from the beginning of the range. The start that has the fewest is the rarest; of those that have all that are looked
 * at, the one that goes the furthest with them.
 */
export const find = <X>(
  rows: Pick<SummaryRows<X>, "keys">,
  projectId: Ids.ProjectId,
  [first, ...others]: readonly [Start, ...ReadonlyArray<Start>],
  range: Range,
): Effect.Effect<Start, X> =>
  Effect.gen(function* () {
    if (others.length === 0) return first
    let rarest = first
    let fewest = sample
    let furthest = -1
    for (const start of [first, ...others]) {
      const keys = yield* rows.keys(projectId, start, { ...range, limit: fewest })
      const last = keys.at(-1)
      if (last === undefined) return start
      const distance = range.oldestFirst === true ? last - range.least : range.before - last
      if (keys.length < fewest || (fewest === sample && distance > furthest)) {
        rarest = start
        fewest = keys.length
        furthest = distance
      }
    }
    return rarest
  })
