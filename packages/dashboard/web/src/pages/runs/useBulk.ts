/** What is being done to the selected runs, and what became of it. */
import type * as Json from "@runlease/http/Json"
import { useCallback, useEffect, useRef, useState } from "react"
import { ApiError, send } from "../../api/client"
import { canBe, forEachFew, type BulkKind, type BulkOutcome, type BulkProgress } from "./bulk"

const act = async (kind: BulkKind, { latest_event_id, run_id }: Json.RunSummary): Promise<BulkOutcome> => {
  const path = { run: run_id }
  try {
    if (kind === "cancel") {
      const { cancelled, run } = await send("cancel", { path })
      return cancelled ? { type: "done", run } : { type: "late" }
    }
    const { run } =
      kind === "retry"
        ? await send("retry", { path })
        : await send("fork", { path, body: { after_event_id: latest_event_id } })
    return { type: "done", run }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return { type: "refused", message: error.message }
  }
}

interface Bulk {
  readonly progress: BulkProgress | undefined
  readonly start: (kind: BulkKind, runs: ReadonlyArray<Json.RunSummary>) => void
  readonly stop: () => void
  readonly dismiss: () => void
}

export const useBulk = (
  onOutcome: (run: Json.RunSummary, kind: BulkKind, outcome: BulkOutcome) => void,
): Bulk => {
  const [progress, setProgress] = useState<BulkProgress>()
  const aborting = useRef<AbortController>(undefined)
  const notify = useRef(onOutcome)
  useEffect(() => {
    notify.current = onOutcome
  })
  useEffect(() => () => aborting.current?.abort(), [])
  const start = useCallback((kind: BulkKind, runs: ReadonlyArray<Json.RunSummary>) => {
    const able = runs.filter((run) => canBe(kind, run))
    const controller = new AbortController()
    aborting.current = controller
    setProgress({ kind, total: able.length, outcomes: [], state: "working" })
    const one = async (run: Json.RunSummary) => {
      const outcome = await act(kind, run)
      notify.current(run, kind, outcome)
      setProgress((before) => before && { ...before, outcomes: [...before.outcomes, outcome] })
    }
    void forEachFew(able, one, controller.signal).finally(() =>
      setProgress((before) => before && { ...before, state: "ended" }),
    )
  }, [])
  const stop = useCallback(() => {
    aborting.current?.abort()
    setProgress((before) => before && { ...before, state: "stopping" })
  }, [])
  const dismiss = useCallback(() => setProgress(undefined), [])
  return { progress, start, stop, dismiss }
}
