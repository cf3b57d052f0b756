/** What the page of a run reads besides its stream. */
import { queryOptions } from "@tanstack/react-query"
import { send } from "../../../api/client"

export const summaryQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run-summary", runId],
    queryFn: ({ signal }) => send("runSummary", { path: { run: runId }, signal }),
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

/** The runs that name this one as their parent: its children, and those that submit it again. */
export const belowQuery = (project: string, runId: string) =>
  queryOptions({
    queryKey: ["runs-below", project, runId],
    queryFn: async ({ signal }) =>
      (await send("runSummaries", { path: { project }, query: { parent_run_id: runId, limit: 100 }, signal }))
        .data,
  })
