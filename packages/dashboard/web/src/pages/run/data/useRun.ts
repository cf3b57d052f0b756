/** A run and its log, followed while the page is there. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useEffect, useState, useSyncExternalStore } from "react"
import { urlOf } from "../../../api/client"
import { useLive, usePaused } from "../../../api/live"
import { useProject } from "../../../api/session"
import type { Entry, RunLog } from "../model/runLog"
import { belowQuery, requestQuery, runQuery, summaryQuery, usageQuery } from "./queries"
import { makeRunStore, type RunStore } from "./runStore"

export const useLog = (store: RunStore): number => useSyncExternalStore(store.subscribe, store.version)

/** The store of a run, fed by its stream; `isThere`: the run exists. */
export const useRunStore = (runId: string, isThere: boolean): RunStore => {
  const [store] = useState(makeRunStore)
  const client = useQueryClient()
  useLive(isThere ? urlOf("runLive", { path: { run: runId } }) : undefined, {
    run: (summary: Json.RunSummary) => client.setQueryData(summaryQuery(runId).queryKey, summary),
    entries: (entries: ReadonlyArray<Entry>) => store.add(entries),
    end: () => undefined,
  })
  return store
}

/** Reads again, at most every two seconds, what changes with the summary. */
export const useRunDetails = (summary: Json.RunSummary) => {
  const { run_id: runId } = summary
  const client = useQueryClient()
  const run = useQuery(runQuery(runId))
  const request = useQuery(requestQuery(runId))
  const mark = `${summary.status} ${summary.claims.length} ${summary.waiting?.answers.length ?? 0} ${summary.tokens}`
  useEffect(() => {
    const timer = setTimeout(() => {
      void client.invalidateQueries({ queryKey: runQuery(runId).queryKey })
      void client.invalidateQueries({ queryKey: usageQuery(runId).queryKey })
    }, 2000)
    return () => clearTimeout(timer)
  }, [client, runId, mark])
  const answered = `${summary.status} ${summary.claims.length} ${summary.waiting?.answers.length ?? 0}`
  useEffect(() => {
    void client.invalidateQueries({ queryKey: requestQuery(runId).queryKey })
  }, [client, runId, answered])
  return { run: run.data, request: request.data, requestError: request.error }
}

/** Children, and the runs that submit this one again. Which is which, the log says; until it is read, their conversations do. */
export const useRunsBelow = (summary: Json.RunSummary, log: RunLog) => {
  const project = useProject()
  const isPaused = usePaused()
  const below = useQuery({
    ...belowQuery(project ?? "", summary.run_id),
    enabled: project !== undefined,
    refetchInterval: ({ state }) =>
      !isPaused && (state.data ?? []).some((run) => run.finished_at === null) ? 3000 : false,
  })
  const client = useQueryClient()
  const childCounts = `${log.children.size} ${summary.children}`
  useEffect(() => {
    if (project !== undefined)
      void client.invalidateQueries({ queryKey: belowQuery(project, summary.run_id).queryKey })
  }, [client, project, summary.run_id, childCounts])
  const isRead = log.lastId >= summary.latest_event_id
  const isChild = (run: Json.RunSummary) =>
    log.children.has(run.run_id) || (!isRead && run.conversation_id !== summary.conversation_id)
  const all = below.data ?? []
  return {
    children: all.filter(isChild).toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1)),
    again: all.filter((run) => !isChild(run)),
  }
}
