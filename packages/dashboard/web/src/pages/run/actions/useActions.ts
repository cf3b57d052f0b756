/** What can be done to a run. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { send } from "../../../api/client"
import { summaryQuery } from "../data/queries"
import { wholeRun } from "../../../shell/links"

export const useCancel = (runId: string) => {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => send("cancel", { path: { run: runId } }),
    onSettled: () => client.invalidateQueries({ queryKey: summaryQuery(runId).queryKey }),
  })
}

const useOpen = () => {
  const navigate = useNavigate()
  return (runId: string) => navigate({ to: "/runs/$runId", params: { runId }, search: wholeRun })
}

export const useRetry = (runId: string) => {
  const open = useOpen()
  return useMutation({
    mutationFn: async ({ fromStart }: { readonly fromStart: boolean }): Promise<string> =>
      (await send("retry", { path: { run: runId }, body: fromStart ? { from_start: true } : {} })).run.run_id,
    onSuccess: open,
  })
}

/** Where a fork continues, and its edits as the API takes them. */
interface Forked {
  readonly after: number
  readonly edits: ReadonlyArray<Readonly<Record<string, unknown>>>
}

export const useFork = (runId: string) => {
  const open = useOpen()
  return useMutation({
    mutationFn: async ({ after, edits }: Forked): Promise<string> =>
      (await send("fork", { path: { run: runId }, body: { after_event_id: after, edits } })).run.run_id,
    onSuccess: open,
  })
}

export const useTell = (runId: string) =>
  useMutation({
    mutationFn: ({ key, text }: { readonly text: string; readonly key: string }) =>
      send("tell", { path: { run: runId }, body: { text, idempotency_key: key } }),
  })
