/**
 * The pages of a list of runs: those that an index finds, and those that a search looks for.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import { cursorOf, type Page } from "../../model/Page.js"
import { maxSearched, type StatusCounts, type SummaryFilter } from "../../ports/Summaries.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { RunKey } from "../rows/RunRows.js"
import { conditionsOf, type Matches, needsStates, startOf } from "../rows/FilterStart.js"
import type { Candidate, Range, SummaryRow, SummaryRows } from "../rows/SummaryRows.js"

/** The most runs that a search reads at once. */
const chunk = 1000

/** A page of rows. `searched` is how many runs were looked at; null where an index found them. */
export interface RowPage extends Page<SummaryRow> {
  readonly searched: number | null
}

/** Looks at runs, the newest first, until a page is full, none is left, or enough were looked at. */
const search = <X>(
  candidates: (range: Range) => Effect.Effect<ReadonlyArray<Candidate>, X>,
  conditions: ReadonlyArray<Matches>,
  range: Range,
) =>
  Effect.gen(function* () {
    const found: Array<RunKey> = []
    let before = range.before
    let searched = 0
    while (searched < maxSearched) {
      const limit = Math.min(chunk, maxSearched - searched)
      const some = yield* candidates({ ...range, before, limit })
      for (const run of some) {
        searched += 1
        before = run.key
        if (conditions.every((matches) => matches(run)) && found.push(run.key) === range.limit) {
          return { found, searched, next: cursorOf([before]) }
        }
      }
      if (some.length < limit) return { found, searched, next: null }
    }
    return { found, searched, next: cursorOf([before]) }
  })

/** Reads runs by their keys, in that order. */
export const inOrder = <X>(
  rows: SummaryRows<X>,
  keys: ReadonlyArray<RunKey>,
): Effect.Effect<ReadonlyArray<SummaryRow>, X> =>
  keys.length === 0
    ? Effect.succeed([])
    : Effect.map(rows.ofKeys(keys), (found) => {
        const byKey = new Map(found.map((row) => [row.key, row]))
        return keys.flatMap((key) => byKey.get(key) ?? [])
      })

/**
 * The page of runs with keys below `before`.
 *
 * @since 0.1.0
 * @category reading
 */
export const page = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  filter: SummaryFilter,
  { before, limit }: Pick<Range, "before" | "limit">,
): Effect.Effect<RowPage, X> =>
  Effect.gen(function* () {
    const bounds = yield* rows.bounds(filter.from?.epochMillis, filter.to?.epochMillis)
    const range = { least: bounds.least, before: Math.min(before, bounds.before) }
    const start = yield* startOf(rows, projectId, filter)
    const conditions = conditionsOf(filter, start)
    if (conditions.length === 0) {
      const found = yield* rows.list(projectId, start, { ...range, limit: limit + 1 })
      const { items, next } = KeysetPage.pageOf(
        found,
        limit,
        ({ key }) => [key],
        (row) => row,
      )
      return { items, next, searched: null }
    }
    const { found, next, searched } = yield* search(
      (some) => rows.candidates(projectId, start, some, needsStates(filter, start)),
      conditions,
      { ...range, limit },
    )
    return { items: yield* inOrder(rows, found), next, searched }
  })

/**
 * The runs of a filter by their status, of the newest that a search looks at.
 *
 * @since 0.1.0
 * @category reading
 */
export const counts = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  { status: _status, ...filter }: SummaryFilter,
): Effect.Effect<StatusCounts, X> =>
  Effect.gen(function* () {
    const { before: first, least } = yield* rows.bounds(filter.from?.epochMillis, filter.to?.epochMillis)
    const start = yield* startOf(rows, projectId, filter)
    const conditions = conditionsOf(filter, start)
    const found = { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }
    let before = first
    let searched = 0
    while (searched < maxSearched) {
      const some = yield* rows.candidates(projectId, start, { least, before, limit: chunk }, true)
      for (const run of some) {
        before = run.key
        if (run.state !== undefined && conditions.every((matches) => matches(run)))
          found[run.state.status] += 1
      }
      searched += some.length
      if (some.length < chunk) return { counts: found, searched, whole: true }
    }
    return { counts: found, searched, whole: false }
  })
