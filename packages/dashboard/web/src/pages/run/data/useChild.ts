/** What the page shows of a child: its last sentence, and its log where it is opened. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useEffect, useState } from "react"
import { send } from "../../../api/client"
import { usePaused } from "../../../api/live"
import type { Entry } from "../model/runLog"
import { lastSentence, resultLine } from "../model/sentences"
import { makeRunStore, type RunStore } from "./runStore"
import { useLog } from "./useRun"

/** The last text that some entries at the end of a log say. */
export const lastTextOf = (entries: ReadonlyArray<Entry>): string => {
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
