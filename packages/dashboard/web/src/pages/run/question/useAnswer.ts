/** Sends answers. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { send } from "../../../api/client"
import { requestQuery, runQuery, summaryQuery } from "../data/queries"
import type { Ask } from "../model/asks"
import type { Reply } from "./mode"

export type Sent = Reply | { readonly result: unknown; readonly isError: boolean }

const bodyOf = (ask: Ask, sent: Sent) =>
  "result" in sent
    ? {
        type: "tool_result",
        tool_call_id: ask.toolCallId ?? ask.id,
        result: sent.result,
        is_error: sent.isError,
      }
    : { type: "interrupts", resume: [{ interrupt_id: ask.id, ...sent }] }

export const useAnswer = (runId: string, ask: Ask) => {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (sent: Sent) => send("resume", { path: { run: runId }, body: bodyOf(ask, sent) }),
    onSettled: () =>
      Promise.all(
        [summaryQuery(runId), runQuery(runId), requestQuery(runId)].map(({ queryKey }) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  })
}
