/** A message of a conversation: its author and its parts. */
import type * as Json from "@runlease/http/Json"
import { Bot, ChevronRight, MessageSquare, Paperclip, UserRound, Wrench, type LucideIcon } from "lucide-react"
import { exact, when } from "../../format/times"
import { useNow } from "../../ui/now"
import { Rich } from "../run/conversation/TextViews"
import { viewOf, type PartView } from "./timeline"

const roles: Readonly<Record<string, readonly [LucideIcon, word: string]>> = {
  user: [UserRound, "User"],
  assistant: [Bot, "Agent"],
  tool: [Wrench, "Tool"],
}

/** Text that opens to all of it. */
const Folded = ({ json, label }: { readonly label: string; readonly json: string }) => (
  <details className="group">
    <summary className="flex cursor-pointer list-none items-center gap-1.5 text-ink-2 hover:text-ink max-desk:min-h-11 [&::-webkit-details-marker]:hidden">
      <ChevronRight
        aria-hidden
        size={14}
        className="text-ink-3 transition-transform duration-[120ms] group-open:rotate-90"
      />
      {label}
    </summary>
    <pre
      tabIndex={0}
      role="region"
      aria-label={label}
      className="mt-1 max-h-96 overflow-auto rounded-2 bg-sunken px-3 py-2 font-mono text-small leading-[18px] text-ink-2"
    >
      {json}
    </pre>
  </details>
)

const Part = ({ view }: { readonly view: PartView }) => {
  switch (view.type) {
    case "text":
      return (
        <div className="text-read break-words">
          <Rich text={view.text} />
        </div>
      )
    case "reasoning":
      return <Folded label="Thoughts" json={view.text} />
    case "call":
      return <Folded label={`Calls ${view.name}`} json={view.json} />
    case "result":
      return <Folded label={view.isError ? "Failed" : "Result"} json={view.json} />
    case "file":
      return (
        <p className="flex items-center gap-1.5 text-ink-2">
          <Paperclip aria-hidden size={14} className="text-ink-3" />
          {view.name}
        </p>
      )
    case "other":
      return <Folded label={view.name} json={view.json} />
  }
}

export const MessageView = ({ message }: { readonly message: Json.ConversationMessage }) => {
  const [Icon, word] = roles[message.role] ?? [MessageSquare, message.role]
  const at = Date.parse(message.created_at)
  const now = useNow()
  return (
    <li className="grid grid-cols-[20px_minmax(0,1fr)_80px] gap-x-2.5 px-4 py-1.5 max-desk:grid-cols-[20px_minmax(0,1fr)] max-desk:px-3">
      <Icon aria-hidden size={14} strokeWidth={2.2} className="mt-1 text-ink-3" />
      <div className="grid min-w-0 gap-1.5">
        <span className="sr-only">{word}:</span>
        {message.parts.map((part, index) => (
          <Part key={index} view={viewOf(part)} />
        ))}
      </div>
      <time
        dateTime={message.created_at}
        title={exact(at)}
        className="text-right text-small leading-[22px] text-ink-3 max-desk:hidden"
      >
        {when(at, now)}
      </time>
    </li>
  )
}
