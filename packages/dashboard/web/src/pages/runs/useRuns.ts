/** The runs of a filter: pages that are loaded as they are needed and updated in place. New runs wait until a reader requests them. */
import {
  keepPreviousData,
  queryOptions,
  useInfiniteQuery,
  useQueryClient,
  type UseInfiniteQueryResult,
} from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"
import { useProjectLive } from "../../api/project"
import { hasEnded } from "./bulk"
import { matches, queryOf, type RunFilter } from "./filter"
import {
  awaited,
  lookedAt,
  pageSize,
  rowsOf,
  withChanged,
  withNewest,
  type LoadedRuns,
  type RunsPage,
} from "./loadedRuns"
import { useRefresh, type Refresh } from "./useRefresh"

type Awaited = ReadonlyMap<string, Json.RunSummary>

const none: Awaited = new Map()

/** The statistics of the page's stream: the counts alone matter here. */
export const countsSpan = { step: "minute", last: 1 } as const

/** The runs of a filter by state, read again while the page is there. */
export const runCountsQuery = (project: string, filter: RunFilter) =>
  queryOptions({
    queryKey: ["run-counts", project, { ...filter, status: undefined }],
    queryFn: ({ signal }) => {
      const { status: _status, ...query } = queryOf(filter, Date.now())
      return send("runCounts", { path: { project }, query, signal })
    },
    refetchInterval: () => (isPaused() ? false : 5000),
  })

export interface Runs {
  readonly query: UseInfiniteQueryResult<LoadedRuns>
  /** The newest first. */
  readonly rows: ReadonlyArray<Json.RunSummary>
  /** Whether all that there is has been loaded. */
  readonly isComplete: boolean
  readonly lookedAt: number | undefined
  /** How many new runs wait to be shown. */
  readonly waiting: number
  readonly showNew: () => Promise<void>
  readonly update: (change: (loaded: LoadedRuns) => LoadedRuns) => void
  readonly refresh: Refresh
  /** Which rows are in view. */
  readonly visible: RefObject<readonly [first: number, last: number]>
}

export const useRuns = (project: string, filter: RunFilter): Runs => {
  const client = useQueryClient()
  const key = useMemo(() => ["runs", project, filter] as const, [project, filter])
  const load = useCallback(
    (cursor: string | undefined, signal?: AbortSignal): Promise<RunsPage> =>
      send("runSummaries", {
        path: { project },
        query: { ...queryOf(filter, Date.now()), limit: pageSize, cursor },
        signal,
      }),
    [project, filter],
  )
  const query = useInfiniteQuery<RunsPage, Error, LoadedRuns, typeof key, string | undefined>({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => load(pageParam, signal),
    initialPageParam: undefined,
    getNextPageParam: (page) => page.page_info.next ?? undefined,
    // Loaded rows are updated one by one: reading a hundred pages again would be all the work of the list.
    staleTime: Infinity,
    refetchOnReconnect: false,
    refetchOnWindowFocus: false,
    placeholderData: keepPreviousData,
  })
  const { data } = query
  const rows = useMemo(() => rowsOf(data), [data])
  const isComplete = data !== undefined && !query.hasNextPage && !query.isPlaceholderData

  const [waiting, setWaiting] = useState<{ readonly key: unknown; readonly runs: Awaited }>({
    key,
    runs: none,
  })
  const waitingRuns = waiting.key === key ? waiting.runs : none

  const isOwn = data !== undefined && !query.isPlaceholderData
  const latest = useRef({ rows, isComplete, isOwn })
  useEffect(() => {
    latest.current = { rows, isComplete, isOwn }
  })

  const update = useCallback(
    (change: (loaded: LoadedRuns) => LoadedRuns) =>
      client.setQueryData<LoadedRuns>(key, (loaded) => loaded && change(loaded)),
    [client, key],
  )

  /** Takes updates of runs: changes at once, new runs when a reader requests them. */
  const take = useCallback(
    (runs: ReadonlyArray<Json.RunSummary>, isListed: (run: Json.RunSummary) => boolean | undefined) => {
      // Until the first page of this filter is there, the rows are those of another one.
      if (!latest.current.isOwn) return
      update((loaded) => withChanged(loaded, new Map(runs.map((run) => [run.run_id, run]))))
      setWaiting((before) => ({
        key,
        runs: awaited(before.key === key ? before.runs : none, runs, latest.current.rows, {
          isComplete: latest.current.isComplete,
          isListed,
        }),
      }))
    },
    [key, update],
  )

  const showNew = useCallback(async () => {
    const newest = await load(undefined)
    const isListed = ({ status }: Json.RunSummary): boolean =>
      filter.status === undefined || filter.status === status
    client.setQueryData<LoadedRuns>(key, (loaded) => withNewest(loaded, newest, isListed))
    setWaiting({ key, runs: none })
  }, [client, filter.status, key, load])

  // A list that was left and is opened again begins with what is new, until its reader scrolls.
  const isOpened = useRef<unknown>(undefined)
  useEffect(() => {
    if (isOpened.current === key) return
    isOpened.current = key
    const state = client.getQueryState(key)
    if (state?.data !== undefined && Date.now() - state.dataUpdatedAt > 5000 && scrollY < 200) {
      showNew().catch(() => undefined)
    }
  }, [client, key, showNew])

  useProjectLive({
    span: countsSpan,
    onRuns: (changed) => {
      const now = Date.now()
      take(changed, (run) => matches(filter, run, now))
    },
  })

  const visible = useRef<readonly [first: number, last: number]>([0, 0])
  /** Reads the newest page, and the pages in view that have runs which may still change. */
  const refresh = useRefresh(
    useCallback(async () => {
      const loaded = client.getQueryData<LoadedRuns>(key)
      if (loaded === undefined) return
      const [first, last] = visible.current
      const ids = new Set(
        latest.current.rows
          .slice(first, last + 1)
          .filter((run) => !hasEnded(run))
          .map((run) => run.run_id),
      )
      const cursors = loaded.pages.flatMap((page, index) =>
        index > 0 && page.data.some((run) => ids.has(run.run_id)) ? [loaded.pageParams[index]] : [],
      )
      const pages = await Promise.all([undefined, ...cursors].map((cursor) => load(cursor)))
      take(
        pages.flatMap((page) => page.data),
        () => true,
      )
    }, [client, key, load, take]),
    isOwn,
  )

  return {
    query,
    rows,
    isComplete,
    lookedAt: lookedAt(data),
    waiting: waitingRuns.size,
    showNew,
    update,
    refresh,
    visible,
  }
}
