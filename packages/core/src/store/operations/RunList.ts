/** The pages of the list of runs. */
import { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import * as OneOrMore from "../../model/OneOrMore.js"
import { cursorOf, type Page } from "../../model/Page.js"
import type { Run } from "../../model/Run.js"
import type { ListRuns } from "../../ports/Runs.js"
import * as FilterSearch from "../rows/FilterSearch.js"
import type { RunReads } from "../rows/RunStore.js"

/**
 * A page of the list. One whose runs are too large ends before the last of those that were found.
 *
 * @category reading
 */
export const page = <X>(
  { listed, summaries }: RunReads<X>,
  projectId: Ids.ProjectId,
  filter: ListRuns,
  request: FilterSearch.PageOf,
): Effect.Effect<Page<Run>, X> =>
  Effect.gen(function* () {
    const plan = yield* FilterSearch.plan(summaries, projectId, filter, request)
    const { found, next } = yield* FilterSearch.search(summaries, projectId, plan)
    const { more, rows } = yield* listed(found)
    const last = rows.at(-1)
    return {
      // A run may have gone on since it was found.
      items: rows.flatMap(({ run }) => (OneOrMore.isOneOf(filter.status, run.status) ? [run] : [])),
      next: more && last !== undefined ? cursorOf([last.key]) : next,
    }
  })
