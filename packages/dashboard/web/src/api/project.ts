/** What the pages know of the project: read once, and kept current by the stream of the page. */
import { queryOptions, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send, urlOf } from "./client"
import { useLive } from "./live"
import { useProject } from "./session"

/** The periods of a chart: so many minutes or hours. */
export interface Span {
  readonly step: "minute" | "hour"
  readonly last: number
}

export const statisticsQuery = (project: string, { last, step }: Span) =>
  queryOptions({
    queryKey: ["statistics", project, step, last],
    queryFn: ({ signal }) => send("statistics", { path: { project }, query: { step, last }, signal }),
  })

export const attentionQuery = (project: string) =>
  queryOptions({
    queryKey: ["attention", project],
    queryFn: ({ signal }) => send("attention", { path: { project }, signal }),
    refetchInterval: 30_000,
  })

export const workersQuery = (project: string) =>
  queryOptions({
    queryKey: ["workers", project],
    queryFn: async ({ signal }) =>
      (await send("workerSummaries", { path: { project }, query: { limit: 100 }, signal })).data,
    refetchInterval: 30_000,
  })

export const agentsQuery = (project: string) =>
  queryOptions({
    queryKey: ["agents", project],
    queryFn: async ({ signal }) => (await send("agents", { path: { project }, signal })).data,
  })

interface Told {
  readonly span?: Span
  readonly onRuns?: (runs: ReadonlyArray<Json.RunSummary>) => void
}

/**
 * Follows the project while the page is there: what needs somebody and the workers always, statistics of `span` and changed runs where
 * the page wants them.
 */
export const useProjectLive = ({ onRuns, span }: Told): void => {
  const project = useProject()
  const client = useQueryClient()
  const topics = [
    "attention",
    "workers",
    ...(span === undefined ? [] : ["statistics"]),
    ...(onRuns === undefined ? [] : ["runs"]),
  ]
  const url =
    project === undefined
      ? undefined
      : urlOf("projectLive", {
          path: { project },
          query: { topics: topics.join(","), step: span?.step, last: span?.last },
        })
  useLive(url, {
    attention: (data: Json.Attention) => client.setQueryData(attentionQuery(project!).queryKey, data),
    workers: (data: { readonly data: ReadonlyArray<Json.WorkerSummary> }) =>
      client.setQueryData(workersQuery(project!).queryKey, data.data),
    statistics: (data: Json.ProjectStatistics) => {
      if (span !== undefined) client.setQueryData(statisticsQuery(project!, span).queryKey, data)
    },
    runs: (data: { readonly data: ReadonlyArray<Json.RunSummary> }) => onRuns?.(data.data),
  })
}
