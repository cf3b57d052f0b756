import {
  CopilotChat,
  type Message,
  useAgent,
  useConfigureSuggestions,
  useDefaultRenderTool,
  useFrontendTool,
  useInterrupt,
} from "@copilotkit/react-core/v2"
import { useState } from "react"
import { z } from "zod"
import { Approval } from "./Approval.js"
import { endSession } from "./session.js"

const agentId = "assistant"

const orders = [
  { id: "1041", customer: "Ada", total: 120 },
  { id: "1042", customer: "Brian", total: 900 },
  { id: "1043", customer: "Chen", total: 400 },
]

/** The tool call that needs the approval. */
const callOf = (messages: ReadonlyArray<Message>, toolCallId: string | undefined): string => {
  const calls = messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : []))
  const call = calls.find(({ id }) => id === toolCallId)
  return call === undefined ? "" : `${call.function.name} ${call.function.arguments}`
}

export const App = ({ threadId }: { threadId: string }) => {
  const [accent, setAccent] = useState("steelblue")

  // A tool of the page: the model calls it, the browser executes it, and the answer goes on with its result.
  useFrontendTool({
    agentId,
    name: "setAccent",
    description: "Sets the accent colour of the page.",
    parameters: z.object({ color: z.string() }),
    handler: async ({ color }) => {
      setAccent(color)
      return `${color} it is`
    },
  })

  // A card for each call, of the page's tools and of the worker's.
  useDefaultRenderTool()

  // An interrupt of the run: here the approval of a call of the worker's tool.
  const { agent } = useAgent({ agentId })
  useInterrupt({
    agentId,
    render: ({ interrupt, resolve }) => (
      <Approval
        question={interrupt?.message ?? "Go on?"}
        call={callOf(agent.messages, interrupt?.toolCallId)}
        onAnswer={(approved) => resolve({ approved })}
      />
    ),
  })

  useConfigureSuggestions({
    available: "before-first-message",
    suggestions: [
      { title: "Make it teal", message: "Make the page teal" },
      { title: "Refund 400 EUR", message: "Refund 400 EUR" },
      { title: "Tell a story", message: "Tell me a story" },
    ],
  })

  return (
    <div className="desk" style={{ "--desk-accent": accent } as React.CSSProperties}>
      <main>
        <h1>Order desk</h1>
        <table>
          <tbody>
            {orders.map(({ customer, id, total }) => (
              <tr key={id}>
                <td>{id}</td>
                <td>{customer}</td>
                <td>{total} EUR</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p>Try it: ask for a story, then reload the page, or kill the worker, in the middle of the answer.</p>
        <button onClick={() => fetch("/demo/kill-worker", { method: "POST" })}>Kill the worker</button>
        <button className="quiet" onClick={endSession}>
          New thread
        </button>
      </main>
      <aside>
        <CopilotChat agentId={agentId} threadId={threadId} />
      </aside>
    </div>
  )
}
