/** What the page of a run reads besides its stream. */
import { queryOptions } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../../api/client"
import { isPaused } from "../../../api/live"

export const summaryQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run-summary", runId],
    queryFn: ({ signal }) => send("runSummary", { path: { run: runId }, signal }),
  })

/** The position of a pending run in the queue, read again while it is pending. */
export const standingQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run-standing", runId],
    queryFn: ({ signal }) => send("standing", { path: { run: runId }, signal }),
    refetchInterval: () => (isPaused() ? false : 3000),
  })

/** The run itself: its budget, where it came from, what it gave. */
export const runQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run", runId],
    queryFn: ({ signal }) => send("run", { path: { run: runId }, signal }),
  })

/** Its request, with the answers so far. */
export const requestQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run-request", runId],
    queryFn: ({ signal }) => send("snapshot", { path: { run: runId }, signal }),
  })

export const usageQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run-usage", runId],
    queryFn: ({ signal }) => send("usage", { path: { run: runId }, signal }),
  })

/** The most runs below another one that are read, the newest first. A run may have thousands of children. */
const mostBelow = 1000

/** The runs that name this one as their parent: its children, and those that submit it again. */
export const belowQuery = (project: string, runId: string) =>
  queryOptions({
    queryKey: ["runs-below", project, runId],
    queryFn: async ({ signal }) => {
      const runs: Array<Json.RunSummary> = []
      let cursor: string | undefined
      do {
        const query = { parent_run_id: runId, limit: 100, cursor }
        const { data, page_info } = await send("runSummaries", { path: { project }, query, signal })
        runs.push(...data)
        cursor = page_info.next ?? undefined
      } while (cursor !== undefined && runs.length < mostBelow)
      return runs
    },
  })
