/** The search for the runs of a filter, for a page at a time. */
import type * as Ids from "@runlease/core/Ids"
import { cursorOf } from "@runlease/core/Page"
import { type ListOrder, maxSearched, type SummaryFilter } from "@runlease/core/Summaries"
import { Effect, Function } from "effect"
import { conditionsOf, type Matches, mostAtOnce, needsOf, startOf } from "./FilterStart.js"
import * as KeysetPage from "./KeysetPage.js"
import type { RunKey } from "./RunRows.js"
import type { Needs, Range, Start, SummaryRows } from "./SummaryRows.js"

/** A page of a list: of the runs after the one with key `after` in its order, or from the first one on. */
export interface PageOf extends ListOrder {
  readonly after: RunKey | undefined
  readonly limit: number
}

/** How a page is read: the runs of `start` in `range` that fulfil all conditions. */
export interface Plan {
  readonly start: Start
  readonly range: Range
  readonly conditions: ReadonlyArray<Matches>
  readonly needs: Needs
}

/** The runs of a range that come after one of them. */
const rest = (range: Range, after: RunKey): Range =>
  range.oldestFirst === true
    ? { ...range, least: Math.max(range.least, after + 1) }
    : { ...range, before: Math.min(range.before, after) }

export const plan = <X>(
  rows: Pick<SummaryRows<X>, "bounds" | "keys">,
  projectId: Ids.ProjectId,
  filter: SummaryFilter,
  { after, limit, oldestFirst }: PageOf,
): Effect.Effect<Plan, X> =>
  Effect.gen(function* () {
    const bounds = yield* rows.bounds(filter.from?.epochMillis, filter.to?.epochMillis)
    const whole = { ...bounds, limit, oldestFirst }
    const range = after === undefined ? whole : rest(whole, after)
    const start = yield* startOf(rows, projectId, filter, range)
    return {
      start,
      range,
      conditions: conditionsOf(filter, start),
      needs: needsOf(filter, start),
    }
  })

/** The runs that a search has found, in the order of the page. */
export interface Found {
  readonly found: ReadonlyArray<RunKey>
  readonly searched: number
  readonly next: string | null
}

/**
 * Looks at runs in the order of the page until it is full, none is left, or enough were looked at. Without conditions the first runs are found.
 */
export const search = <X>(
  rows: Pick<SummaryRows<X>, "candidates" | "keys">,
  projectId: Ids.ProjectId,
  { conditions, needs, range, start }: Plan,
): Effect.Effect<Found, X> =>
  Effect.gen(function* () {
    if (conditions.length === 0) {
      const keys = yield* rows.keys(projectId, start, { ...range, limit: range.limit + 1 })
      const { items, next } = KeysetPage.pageOf(keys, range.limit, (key) => [key], Function.identity)
      return { found: items, searched: items.length, next }
    }
    const found: Array<RunKey> = []
    let left = range
    let last: RunKey | undefined
    let searched = 0
    while (searched < maxSearched) {
      const limit = Math.min(mostAtOnce(needs), maxSearched - searched)
      const some = yield* rows.candidates(projectId, start, { ...left, limit }, needs)
      for (const run of some) {
        searched += 1
        last = run.key
        if (conditions.every((matches) => matches(run)) && found.push(run.key) === range.limit) {
          return { found, searched, next: cursorOf([last]) }
        }
      }
      if (last === undefined || some.length < limit) return { found, searched, next: null }
      left = rest(range, last)
    }
    return { found, searched, next: last === undefined ? null : cursorOf([last]) }
  })
