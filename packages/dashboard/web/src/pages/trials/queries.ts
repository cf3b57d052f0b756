/** What the pages of trials read. */
import { type QueryClient, queryOptions } from "@tanstack/react-query"
import * as LastMessage from "@runlease/core/LastMessage"
import type * as Json from "@runlease/http/Json"
import { ApiError, send } from "../../api/client"
import { isPaused } from "../../api/live"
import { isOver, labels, type Pair, type Trial } from "./trialState"

const all = "trials"

/** The bulk operation that made a trial. */
export interface MadeTrial extends Json.Bulk {
  readonly trial: Trial
}

const isTrial = (bulk: Json.Bulk): bulk is MadeTrial => bulk.trial !== undefined && !bulk.dry_run

/** The most bulk operations that are looked at, the newest first. */
const mostOperations = 500

/** The trials of the project, the newest first. */
export const trialsQuery = (project: string) =>
  queryOptions({
    queryKey: [all, project],
    queryFn: async ({ signal }) => {
      const trials: Array<MadeTrial> = []
      let cursor: string | undefined
      let read = 0
      do {
        const page = await send("bulks", { path: { project }, query: { limit: 100, cursor }, signal })
        trials.push(...page.data.filter(isTrial))
        read += page.data.length
        cursor = page.page_info.next ?? undefined
      } while (cursor !== undefined && read < mostOperations)
      return trials
    },
    refetchInterval: () => (isPaused() ? false : 3000),
  })

/** A run that has ended stays as it is. */
const originalQuery = (runId: string) =>
  queryOptions({
    queryKey: [all, "original", runId],
    queryFn: async ({ signal }): Promise<Json.RunSummary | null> => {
      try {
        return await send("runSummary", { path: { run: runId }, signal })
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    },
    staleTime: Infinity,
  })

/** As many requests as a browser sends to a server at once. */
const atOnce = 6

const readAll = async <A, B>(values: ReadonlyArray<A>, read: (value: A) => Promise<B>) => {
  const results: Array<B> = []
  let next = 0
  const reader = async () => {
    while (next < values.length) {
      const index = next++
      results[index] = await read(values[index]!)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, reader))
  return results
}

const isOpen = (pairs: ReadonlyArray<Pair>): boolean =>
  pairs.some(({ trial }) => !isOver(trial) && trial.status !== "waiting")

/** The runs of a trial, each with its original. They are read again while one of them works. */
export const pairsQuery = (client: QueryClient, project: string, name: string) =>
  queryOptions({
    queryKey: [all, project, "pairs", name],
    queryFn: async ({ signal }) => {
      const runs: Array<Json.RunSummary> = []
      let cursor: string | undefined
      do {
        const query = { label: `${labels.trial}:${name}`, roots: true, limit: 100, cursor }
        const { data, page_info } = await send("runSummaries", { path: { project }, query, signal })
        runs.push(...data.filter((run) => run.labels[labels.original] !== undefined))
        cursor = page_info.next ?? undefined
      } while (cursor !== undefined)
      return readAll(runs, async (trial): Promise<Pair> => {
        const original = await client.fetchQuery(originalQuery(trial.labels[labels.original]!))
        return { trial, original: original ?? undefined }
      })
    },
    refetchInterval: ({ state: { data } }) =>
      isPaused() || (data !== undefined && !isOpen(data) && data.length > 0) ? false : 3000,
  })

type Entry = Json.LogPage["data"][number]

/** How many events are read at once. */
const part = 1000

const resultText = (value: unknown): string =>
  value == null ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2)

/** What a run gave: the last message that its agent wrote, and its result where it wrote none. The log is read from its end on. */
export const outputQuery = ({ latest_event_id: latest, run_id: run }: Json.RunSummary) =>
  queryOptions({
    queryKey: [all, "output", run, latest],
    queryFn: async ({ signal }) => {
      let result = ""
      const parts: Array<ReadonlyArray<Entry["payload"]>> = []
      for (let end = latest; end > 0; end -= part) {
        const start = Math.max(0, end - part)
        const query = { after_event_id: start, limit: end - start }
        const { data } = await send("events", { path: { run }, query, signal })
        const read = data.map(({ payload }) => payload)
        parts.unshift(read)
        const finished = read.find(({ type }) => type === "RUN_FINISHED")
        if (finished !== undefined) result = resultText(finished["result"])
        const message = LastMessage.collector()
        for (const event of parts.flat()) message.next(event)
        if (message.begun()) return message.text()
      }
      return result
    },
    staleTime: Infinity,
  })
