/**
 * The pages of the list of runs: what the store lists by itself, and what is searched for.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import * as MetadataFilter from "../../model/MetadataFilter.js"
import * as OneOrMore from "../../model/OneOrMore.js"
import { cursorOf, type Page } from "../../model/Page.js"
import type { Run } from "../../model/Run.js"
import type { ListRuns } from "../../ports/Runs.js"
import * as FilterSearch from "../rows/FilterSearch.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { ListFilter, RunReads } from "../rows/RunStore.js"

/** The one value of a condition; undefined where there is none, null where there are several. */
const onlyOf = <A>(values: OneOrMore.OneOrMore<A> | undefined): A | null | undefined => {
  if (values === undefined) return undefined
  const [first, ...others] = OneOrMore.valuesOf(values)
  return first === undefined || others.length > 0 ? null : first
}

/** The filter of a list that the store lists by itself, the newest runs first; undefined for another one. */
const plainOf = ({
  agentId,
  errorCode,
  metadata = {},
  oldestFirst = false,
  roots = false,
  status,
  ...rest
}: ListRuns): ListFilter | undefined => {
  const [oneStatus, oneAgent] = [onlyOf(status), onlyOf(agentId)]
  const isSearched = errorCode !== undefined || roots || !MetadataFilter.isEmpty(metadata)
  return oldestFirst || isSearched || oneStatus === null || oneAgent === null
    ? undefined
    : { ...rest, status: oneStatus, agentId: oneAgent }
}

/** A list without instants reads nothing for its bounds. */
const newest = <X>(
  { list, summaries }: RunReads<X>,
  projectId: Ids.ProjectId,
  filter: ListFilter,
  { from, to }: ListRuns,
  { after = Number.MAX_SAFE_INTEGER, limit }: FilterSearch.PageOf,
): Effect.Effect<Page<Run>, X> =>
  Effect.gen(function* () {
    const { before, least } =
      from === undefined && to === undefined
        ? { least: 0, before: Number.MAX_SAFE_INTEGER }
        : yield* summaries.bounds(from?.epochMillis, to?.epochMillis)
    const found = yield* list(projectId, filter, { least, before: Math.min(after, before), limit })
    return KeysetPage.pageWith(
      found,
      ({ key }) => [key],
      ({ run }) => run,
    )
  })

/** A page whose runs are too large ends before the last of those that were found. */
const searched = <X>(
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
      items: rows.map(({ run }) => run),
      next: more && last !== undefined ? cursorOf([last.key]) : next,
    }
  })

/**
 * A page of the list.
 *
 * @since 0.1.0
 * @category reading
 */
export const page = <X>(
  reads: RunReads<X>,
  projectId: Ids.ProjectId,
  options: ListRuns,
  request: FilterSearch.PageOf,
): Effect.Effect<Page<Run>, X> => {
  const plain = plainOf(options)
  return plain === undefined
    ? searched(reads, projectId, options, request)
    : newest(reads, projectId, plain, options, request)
}
