/** Says the next thing in a conversation, which submits its next run. */
import type * as Json from "@runlease/http/Json"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Send } from "lucide-react"
import { useRef, useState } from "react"
import { send } from "../../api/client"
import { agentsQuery } from "../../api/project"
import { plural } from "../../format/numbers"
import { Button } from "../../ui/Button"
import { hasEnded } from "../runs/bulk"
import { AgentSelect } from "./AgentSelect"
import { newId } from "./newId"
import { messagesQuery } from "./queries"

interface Next {
  readonly agent: string
  readonly text: string
}

/** Adds a message to a conversation and submits a run that gets all its messages. */
const useSubmitNext = (conversation: string, onSubmitted: () => void) => {
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

interface Props {
  readonly project: string
  readonly conversation: string
  /** The newest first. */
  readonly runs: ReadonlyArray<Json.RunSummary>
  /** How many messages the conversation has; undefined until they are read. */
  readonly messages: number | undefined
  readonly floor: HTMLElement | null
  readonly onSubmitted: () => void
}

/** What the next run gets, and when it begins. */
const hint = (runs: Props["runs"], messages: number | undefined): string => {
  const gets =
    messages === undefined || messages === 0
      ? "The run gets this message."
      : `The run gets this message and the ${plural(messages, "message")} above.`
  return runs.some((run) => !hasEnded(run)) ? `${gets} It begins when the run before it has ended.` : gets
}

export const Composer = ({ conversation, floor, messages, onSubmitted, project, runs }: Props) => {
  const [text, setText] = useState("")
  const [chosen, setChosen] = useState<string>()
  const listed = useQuery(agentsQuery(project)).data ?? []
  const agents = [...new Set([...runs.map((run) => run.agent_id), ...listed.map((agent) => agent.agent_id)])]
  const agent = chosen ?? agents[0]
  const next = useSubmitNext(conversation, () => {
    setText("")
    onSubmitted()
  })
  const isEmpty = text.trim() === ""
  const submit = () => {
    if (!isEmpty && agent !== undefined && !next.isPending) next.mutate({ agent, text: text.trim() })
  }
  return (
    <form
      className="sticky bottom-0 z-3 mt-2 grid gap-2 rounded-b-3 border-t border-line bg-surface px-4 py-2.5 max-desk:bottom-14 max-desk:px-3"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {next.error === null ? null : (
        <p role="alert" className="text-failed">
          {next.error.message}. The message is still here.
        </p>
      )}
      <textarea
        aria-label="Next message"
        placeholder="Say the next thing. It submits a run."
        rows={1}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return
          event.preventDefault()
          submit()
        }}
        className="max-h-60 min-h-[34px] w-full resize-none field-sizing-content rounded-2 border border-edge bg-surface px-2.5 py-1.5 placeholder:text-ink-3 max-desk:min-h-11 max-desk:text-title"
      />
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <span
          className={`min-w-0 flex-1 text-small text-ink-3 max-desk:basis-full ${isEmpty ? "max-desk:hidden" : ""}`}
        >
          {hint(runs, messages)}
        </span>
        {agent === undefined ? null : (
          <AgentSelect agents={agents} value={agent} onChange={setChosen} floor={floor} />
        )}
        <Button
          type="submit"
          look="solid"
          className="max-desk:grow"
          disabled={isEmpty || agent === undefined || next.isPending}
        >
          <Send aria-hidden size={14} />
          {next.isPending ? "Submitting" : "Submit"}
        </Button>
      </div>
    </form>
  )
}
