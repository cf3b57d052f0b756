/** The pages of a list of runs: those that an index finds, and those that a search looks for. */
import type * as Ids from "@runlease/core/Ids"
import type { Page } from "@runlease/core/Page"
import { maxSearched, type StatusCounts, type SummaryFilter } from "@runlease/core/Summaries"
import { Effect } from "effect"
import * as FilterSearch from "../rows/FilterSearch.js"
import { mostAtOnce } from "../rows/FilterStart.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { RunKey } from "../rows/RunRows.js"
import type { SummaryRow, SummaryRows } from "../rows/SummaryRows.js"

/** A page of rows. `searched` is how many runs were looked at; null where an index found them. */
export interface RowPage extends Page<SummaryRow> {
  readonly searched: number | null
}

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

/** A page of runs. */
export const page = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  filter: SummaryFilter,
  request: FilterSearch.PageOf,
): Effect.Effect<RowPage, X> =>
  Effect.gen(function* () {
    const plan = yield* FilterSearch.plan(rows, projectId, filter, request)
    const { conditions, range, start } = plan
    if (conditions.length === 0) {
      const found = yield* rows.list(projectId, start, { ...range, limit: request.limit + 1 })
      const { items, next } = KeysetPage.pageOf(
        found,
        request.limit,
        ({ key }) => [key],
        (row) => row,
      )
      return { items, next, searched: null }
    }
    const { found, next, searched } = yield* FilterSearch.search(rows, projectId, plan)
    return { items: yield* inOrder(rows, found), next, searched }
  })

/** The runs of a filter by their status, of the newest that a search looks at. */
export const counts = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  { status: _status, ...filter }: SummaryFilter,
): Effect.Effect<StatusCounts, X> =>
  Effect.gen(function* () {
    const page = { after: undefined, limit: maxSearched }
    const plan = yield* FilterSearch.plan(rows, projectId, filter, page)
    const { conditions, range, start } = plan
    const needs = { ...plan.needs, states: true }
    const found = { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }
    let { before } = range
    let searched = 0
    while (searched < maxSearched) {
      const limit = Math.min(mostAtOnce(needs), maxSearched - searched)
      const some = yield* rows.candidates(projectId, start, { least: range.least, before, limit }, needs)
      for (const run of some) {
        before = run.key
        if (run.state !== undefined && conditions.every((matches) => matches(run)))
          found[run.state.status] += 1
      }
      searched += some.length
      if (some.length < limit) return { counts: found, searched, whole: true }
    }
    return { counts: found, searched, whole: false }
  })
