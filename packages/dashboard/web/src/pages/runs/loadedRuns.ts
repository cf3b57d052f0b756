/** The pages of runs that are loaded, and what becomes of them as runs change and new ones come. */
import type * as Json from "@runlease/http/Json"
import type { InfiniteData } from "@tanstack/react-query"
import type { Reply } from "../../api/endpoints"

export type RunsPage = Reply<"runSummaries">
export type LoadedRuns = InfiniteData<RunsPage, string | undefined>

export const pageSize = 100

const isNewer = (a: Json.RunSummary, b: Json.RunSummary): boolean => a.created_at > b.created_at

/** All rows in order, the newest first. */
export const rowsOf = (loaded: LoadedRuns | undefined): ReadonlyArray<Json.RunSummary> => {
  const rows = loaded?.pages.flatMap((page) => page.data) ?? []
  const isSorted = rows.every((row, index) => index === 0 || !isNewer(row, rows[index - 1]!))
  return isSorted ? rows : rows.toSorted((a, b) => (a.created_at < b.created_at ? 1 : isNewer(a, b) ? -1 : 0))
}

/** Puts changed runs in their places. What is not loaded stays out, and the same is returned where nothing has changed. */
export const withChanged = (
  loaded: LoadedRuns,
  changed: ReadonlyMap<string, Json.RunSummary>,
): LoadedRuns => {
  let isChanged = false
  const pages = loaded.pages.map((page) => {
    if (!page.data.some((run) => isChange(run, changed.get(run.run_id)))) return page
    isChanged = true
    return {
      ...page,
      data: page.data.map((run) => {
        const next = changed.get(run.run_id)
        return next !== undefined && isChange(run, next) ? next : run
      }),
    }
  })
  return isChanged ? { ...loaded, pages } : loaded
}

/** Whether `next` has something that the row does not show, and is not older than it. */
const isChange = (run: Json.RunSummary, next: Json.RunSummary | undefined): boolean =>
  next !== undefined && next.updated_at >= run.updated_at && !isSame(run, next)

const isSame = (a: Json.RunSummary, b: Json.RunSummary): boolean =>
  a.updated_at === b.updated_at &&
  a.status === b.status &&
  a.tokens === b.tokens &&
  a.cost === b.cost &&
  a.latest_event_id === b.latest_event_id &&
  a.claims.length === b.claims.length &&
  a.claims.at(-1)?.ended_at === b.claims.at(-1)?.ended_at

/** Puts the newest page before what is loaded. Where runs are missing between the two, the newest page is alone. */
export const withNewest = (
  loaded: LoadedRuns | undefined,
  newest: RunsPage,
  isListed: (run: Json.RunSummary) => boolean,
): LoadedRuns => {
  const alone: LoadedRuns = { pages: [newest], pageParams: [undefined] }
  const [first, ...others] = loaded?.pages ?? []
  if (loaded === undefined || first === undefined) return alone
  const listed = new Set(loaded.pages.flatMap((page) => page.data.map((run) => run.run_id)))
  if (newest.page_info.next !== null && !newest.data.some((run) => listed.has(run.run_id))) return alone
  const changed = new Map(newest.data.map((run) => [run.run_id, run]))
  const added = newest.data.filter((run) => !listed.has(run.run_id))
  const current = withChanged({ pages: [first, ...others], pageParams: loaded.pageParams }, changed)
  return {
    ...current,
    pages: current.pages.map((page, index) => ({
      ...page,
      data: [...(index === 0 ? added : []), ...page.data.filter(isListed)],
    })),
  }
}

/** Of the updated runs, those that the list has and does not show yet. Where `isListed` is undefined, it stays as it was. */
export const awaited = (
  before: ReadonlyMap<string, Json.RunSummary>,
  updates: ReadonlyArray<Json.RunSummary>,
  rows: ReadonlyArray<Json.RunSummary>,
  list: { readonly isComplete: boolean; readonly isListed: (run: Json.RunSummary) => boolean | undefined },
): ReadonlyMap<string, Json.RunSummary> => {
  const shown = new Set(rows.map((run) => run.run_id))
  const oldest = rows.at(-1)
  const next = new Map(before)
  for (const run of updates) {
    const isReached = list.isComplete || (oldest !== undefined && isNewer(run, oldest))
    const isListed = list.isListed(run) ?? before.has(run.run_id)
    if (!shown.has(run.run_id) && isReached && isListed) next.set(run.run_id, run)
    else next.delete(run.run_id)
  }
  return next
}

/** How many runs were looked at so far, where the last page ended before it was full; undefined where nothing is left out. */
export const lookedAt = (loaded: LoadedRuns | undefined): number | undefined => {
  const last = loaded?.pages.at(-1)
  if (last === undefined || last.searched === null || last.page_info.next === null) return undefined
  if (last.data.length >= pageSize) return undefined
  return loaded!.pages.reduce((sum, page) => sum + (page.searched ?? 0), 0)
}
