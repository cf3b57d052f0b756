/** The pages of the list of runs. */
import type * as Ids from "@runlease/core/Ids"
import * as OneOrMore from "@runlease/core/OneOrMore"
import { cursorOf, type Page } from "@runlease/core/Page"
import type { Run } from "@runlease/core/Run"
import type { ListRuns } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as FilterSearch from "../rows/FilterSearch.js"
import type { RunReads } from "../rows/RunStore.js"

/** A page of the list. One whose runs are too large ends before the last of those that were found. */
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
