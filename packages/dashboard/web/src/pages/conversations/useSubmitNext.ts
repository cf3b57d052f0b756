/** Adds a message to a conversation and submits a run that gets all its messages. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useRef } from "react"
import { send } from "../../api/client"
import { messagesQuery } from "./queries"
import { newId } from "./newId"

interface Next {
  readonly agent: string
  readonly text: string
}

export const useSubmitNext = (conversation: string, onSubmitted: () => void) => {
  const client = useQueryClient()
  /** What was sent and not answered keeps its ids, so that sending it again adds nothing twice. */
  const sent = useRef<{ readonly key: string; readonly id: string }>(undefined)
  return useMutation({
    mutationFn: async ({ agent, text }: Next) => {
      const key = `${agent} ${text}`
      if (sent.current?.key !== key) sent.current = { key, id: newId(Date.now()) }
      const { id } = sent.current
      await send("addMessage", {
        path: { conversation },
        body: { role: "user", parts: [{ type: "text", text }], idempotency_key: id },
      })
      return send("submit", {
        body: {
          kind: "agent",
          public_id: id,
          owner: { kind: "conversation", id: conversation },
          request: { agent_id: agent },
        },
      })
    },
    onSuccess: async () => {
      sent.current = undefined
      onSubmitted()
      await client.invalidateQueries({ queryKey: messagesQuery(conversation).queryKey })
    },
  })
}
