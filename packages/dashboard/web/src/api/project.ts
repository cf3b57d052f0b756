/** The state of the project: read once, and updated by the stream of the page. */
import { queryOptions, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send, urlOf } from "./client"
import { isPaused, useLive } from "./live"
import { useProject } from "./session"

/** The periods of a chart, in minutes or hours. */
export interface Span {
  readonly step: "minute" | "hour"
  readonly last: number
}

/** For pages without a stream. */
const refetchInterval = () => (isPaused() ? false : 30_000)

export const statisticsQuery = (project: string, { last, step }: Span) =>
  queryOptions({
    queryKey: ["statistics", project, step, last],
    queryFn: ({ signal }) => send("statistics", { path: { project }, query: { step, last }, signal }),
  })

export const attentionQuery = (project: string) =>
  queryOptions({
    queryKey: ["attention", project],
    queryFn: ({ signal }) => send("attention", { path: { project }, signal }),
    refetchInterval,
  })

/** How many rows of the outbox were refused, up to 100. */
export const refusedCountQuery = (project: string) =>
  queryOptions({
    queryKey: ["outbox", project, "count"],
    queryFn: async ({ signal }) =>
      (await send("refusedRows", { path: { project }, query: { limit: 100 }, signal })).data.length,
    refetchInterval,
  })

export const workersQuery = (project: string) =>
  queryOptions({
    queryKey: ["workers", project],
    queryFn: async ({ signal }) =>
      (await send("workerSummaries", { path: { project }, query: { limit: 100 }, signal })).data,
    refetchInterval,
  })

/** The runs that a worker holds, those first whose lease ends first. */
export const heldQuery = (worker: string) =>
  queryOptions({
    queryKey: ["held", worker],
    queryFn: async ({ signal }) => (await send("held", { path: { worker }, signal })).data,
    refetchInterval: () => (isPaused() ? false : 3000),
  })

export const lostLeasesQuery = (project: string) =>
  queryOptions({
    queryKey: ["lost-leases", project],
    queryFn: async ({ signal }) => (await send("lostLeases", { path: { project }, signal })).data,
    refetchInterval: () => (isPaused() ? false : 10_000),
  })

export const agentsQuery = (project: string) =>
  queryOptions({
    queryKey: ["agents", project],
    queryFn: async ({ signal }) => (await send("agents", { path: { project }, signal })).data,
  })

/** Topics whose events have all their data. */
const wholes = ["attention", "workers", "statistics"]

interface LiveOptions {
  readonly span?: Span
  readonly onRuns?: (runs: ReadonlyArray<Json.RunSummary>) => void
}

/**
 * Follows the project while the page is there: what needs somebody and the workers always, statistics of `span` and changed runs where
 * the page wants them.
 */
export const useProjectLive = ({ onRuns, span }: LiveOptions): void => {
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
  const on = {
    attention: (data: Json.Attention) => client.setQueryData(attentionQuery(project!).queryKey, data),
    workers: (data: { readonly data: ReadonlyArray<Json.WorkerSummary> }) =>
      client.setQueryData(workersQuery(project!).queryKey, data.data),
    statistics: (data: Json.ProjectStatistics) => {
      if (span !== undefined) client.setQueryData(statisticsQuery(project!, span).queryKey, data)
    },
    runs: (data: ReadonlyArray<Json.RunSummary>) => onRuns?.(data),
  }
  useLive(url, on, wholes)
}
