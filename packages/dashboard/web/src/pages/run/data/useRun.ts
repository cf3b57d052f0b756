/** A run and its log, followed while the page is there. */
import type * as Json from "@runlease/http/Json"
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useState, useSyncExternalStore } from "react"
import { send, urlOf } from "../../../api/client"
import { useLive, usePaused } from "../../../api/live"
import { useProject } from "../../../api/session"
import { take } from "../model/log"
import { type Entry, makeRunLog, type RunLog } from "../model/runLog"
import { lastSentence, resultLine } from "../model/sentences"
import { belowQuery, requestQuery, runQuery, summaryQuery, usageQuery } from "./queries"

interface RunStore {
  readonly log: RunLog
  readonly add: (entries: ReadonlyArray<Entry>) => void
  readonly subscribe: (listener: () => void) => () => void
  /** Changes when there is something new to show. */
  readonly version: () => number
}

const between = 250

const makeRunStore = (): RunStore => {
  const log = makeRunLog()
  const listeners = new Set<() => void>()
  let shown = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = 0
  const show = () => {
    timer = undefined
    last = performance.now()
    if (shown === log.version) return
    shown = log.version
    for (const listener of listeners) listener()
  }
  return {
    log,
    add: (entries) => {
      take(log, entries)
      timer ??= setTimeout(show, Math.max(0, between - (performance.now() - last)))
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    version: () => shown,
  }
}

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

/** The last text that some entries at the end of a log say. */
const lastTextOf = (entries: ReadonlyArray<Entry>): string => {
  let id: unknown
  let text = ""
  for (const { payload } of entries) {
    if (payload.type !== "TEXT_MESSAGE_CONTENT") continue
    if (payload["messageId"] !== id) text = ""
    id = payload["messageId"]
    text += String(payload["delta"] ?? "")
  }
  return lastSentence(text)
}

/** The result of a run, where its log ends with it. */
const resultOf = (entries: ReadonlyArray<Entry>): string => {
  const end = entries.findLast(
    ({ payload }) => payload.type === "RUN_FINISHED" || payload.type === "RUN_ERROR",
  )?.payload
  if (end === undefined) return ""
  return end.type === "RUN_ERROR" ? String(end["message"]) : resultLine(end["result"])
}

const tail = 200

/** What the page shows of a child: its last sentence, and its log where it is opened. */
export const useLastSentence = (child: Json.RunSummary | undefined): string => {
  const runId = child?.run_id ?? ""
  const latest = child?.latest_event_id ?? 0
  const sentence = useQuery({
    queryKey: ["run-last-sentence", runId, latest],
    queryFn: async ({ signal }) => {
      const { data } = await send("events", {
        path: { run: runId },
        query: { after_event_id: Math.max(0, latest - tail), limit: tail },
        signal,
      })
      return lastTextOf(data) || resultOf(data)
    },
    enabled: child !== undefined && latest > 0,
    staleTime: Infinity,
    placeholderData: (before) => before,
  })
  return child?.error?.message ?? sentence.data ?? ""
}

/** Reads a log from where the store is, page by page, until it is at its end. */
const readOn = async (store: RunStore, runId: string, signal: AbortSignal): Promise<boolean> => {
  for (;;) {
    const page = await send("events", {
      path: { run: runId },
      query: { after_event_id: store.log.lastId, limit: 1000 },
      signal,
    })
    store.add(page.data)
    if (page.ended === true) return true
    if (page.data.length === 0) return false
  }
}

/** The log of a child that is opened in place, read again every two seconds: the page has one stream, that of its run. */
export const useChildLog = (runId: string) => {
  const [store] = useState(makeRunStore)
  const [error, setError] = useState<Error | null>(null)
  const isPaused = usePaused()
  const version = useLog(store)
  useEffect(() => {
    if (isPaused) return
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      try {
        const isEnded = await readOn(store, runId, stop.signal)
        setError(null)
        if (!isEnded && !stop.signal.aborted) timer = setTimeout(() => void read(), 2000)
      } catch (problem) {
        if (stop.signal.aborted) return
        setError(problem instanceof Error ? problem : new Error(String(problem)))
        timer = setTimeout(() => void read(), 4000)
      }
    }
    void read()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [store, runId, isPaused])
  return { log: store.log, version, error }
}
