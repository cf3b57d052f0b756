/** Sends answers. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { send } from "../../../api/client"
import { requestQuery, runQuery, summaryQuery } from "../data/queries"
import type { Question } from "../model/questions"
import type { Reply } from "./mode"

export type Sent = Reply | { readonly result: unknown; readonly isError: boolean }

const bodyOf = (question: Question, sent: Sent) =>
  "result" in sent
    ? {
        type: "tool_result",
        tool_call_id: question.toolCallId ?? question.id,
        result: sent.result,
        is_error: sent.isError,
      }
    : { type: "interrupts", resume: [{ interrupt_id: question.id, ...sent }] }

export const useAnswer = (runId: string, question: Question) => {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (sent: Sent) => send("resume", { path: { run: runId }, body: bodyOf(question, sent) }),
    onSettled: () =>
      Promise.all(
        // The badge of waiting questions follows at once.
        [summaryQuery(runId), runQuery(runId), requestQuery(runId), { queryKey: ["attention"] }].map(
          ({ queryKey }) => client.invalidateQueries({ queryKey }),
        ),
      ),
  })
}
