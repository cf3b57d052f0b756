import { useChat } from "@ai-sdk/react"
import {
  DefaultChatTransport,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  type UIMessage,
} from "ai"
import { type FormEvent, useState } from "react"

const api = "/chat/assistant"

/** The messages of a chat. An answer that is unfinished comes with `resume`. A chat without a message is unknown to the server. */
export const messagesOf = async (id: string): Promise<Array<UIMessage>> => {
  const response = await fetch(`${api}/${encodeURIComponent(id)}/messages`)
  if (response.status === 404) return []
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()).messages
}

interface Props {
  readonly id: string
  readonly before: Array<UIMessage>
}

export const App = ({ before, id }: Props) => {
  const [text, setText] = useState("")
  const { addToolApprovalResponse, error, messages, sendMessage, status, regenerate } = useChat({
    id,
    messages: before,
    resume: true,
    transport: new DefaultChatTransport({ api }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  })

  const send = (event: FormEvent) => {
    event.preventDefault()
    void sendMessage({ text })
    setText("")
  }
  const stop = () => void fetch(`${api}/${encodeURIComponent(id)}/stop`, { method: "POST" })

  return (
    <main>
      <h1>Order desk</h1>
      {messages.map(({ id, parts, role }) => (
        <article key={id} className={role}>
          {parts.map((part, index) => {
            if (part.type === "text") return <p key={index}>{part.text}</p>
            if (!isToolUIPart(part)) return null
            return (
              <p key={index} className="tool">
                {part.type.slice("tool-".length)} {JSON.stringify(part.input)}
                {part.state === "approval-requested" &&
                  [true, false].map((approved) => (
                    <button
                      key={String(approved)}
                      onClick={() => void addToolApprovalResponse({ id: part.approval.id, approved })}
                    >
                      {approved ? "Approve" : "Decline"}
                    </button>
                  ))}
              </p>
            )
          })}
        </article>
      ))}
      {error !== undefined && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
        {status === "submitted" || status === "streaming" ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="submit">Send</button>
        )}
        <button type="button" onClick={() => void regenerate()}>
          Again
        </button>
      </form>
      <p className="status">{status}</p>
    </main>
  )
}
