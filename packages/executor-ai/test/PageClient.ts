/** A page with its own tools, over each version of `@ag-ui/client` that pages use today. */
import * as current from "@ag-ui/client"
import * as older from "@ag-ui/client-0.0.59"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"

interface Options {
  readonly url: string
  readonly apiKey: string
}

interface Answer {
  readonly interruptId: string
  readonly status: "resolved" | "cancelled"
  readonly payload?: unknown
}

/** The event that ended a run, as the client saw it. */
export interface RunEnd {
  readonly type: string
  readonly outcome: unknown
}

/** A call without a result among the page's messages. The client expects the page to make it. */
export interface PendingCall {
  readonly id: string
  readonly name: string
}

const tools = ["locate", "confirm"].map((name) => ({
  name,
  description: `Lets the page ${name}`,
  parameters: { type: "object", properties: {} },
}))

const clients = {
  "1.0.0": (options: current.HttpAgentConfig) => new current.HttpAgent(options),
  "0.0.59": (options: older.HttpAgentConfig) => new older.HttpAgent(options),
} as const

export type Version = keyof typeof clients

export const versions = Object.keys(clients) as ReadonlyArray<Version>

/** A page with a new thread. */
export const make = (version: Version, { apiKey, url }: Options) => {
  const options = {
    url: `${url}/ag-ui/agent`,
    headers: { authorization: `Bearer ${apiKey}` },
    threadId: randomUUID(),
  }
  const agent = clients[version](options)
  return {
    /** Tells the run that works something, from another tab of the same thread. Gives the types of the events that come back. */
    steer: (content: string) =>
      Effect.promise(async (): Promise<ReadonlyArray<string>> => {
        const tab = clients[version](options)
        tab.addMessage({ id: randomUUID(), role: "user", content })
        const types: Array<string> = []
        const onEvent = ({ event }: { readonly event: { readonly type: string } }) => {
          types.push(event.type)
        }
        await tab.runAgent({ forwardedProps: { runlease: { steer: true } } }, { onEvent })
        return types
      }),
    addUserMessage: (content: string) =>
      Effect.sync(() => agent.addMessage({ id: randomUUID(), role: "user", content })),
    addResult: (toolCallId: string, content: string) =>
      Effect.sync(() => agent.addMessage({ id: randomUUID(), role: "tool", toolCallId, content })),
    /** Runs the agent once, until the run ends. */
    run: (resume: Array<Answer> = []) =>
      Effect.promise(async (): Promise<RunEnd> => {
        let ended: RunEnd = { type: "none", outcome: undefined }
        const parameters = { tools, ...(resume.length === 0 ? {} : { resume }) }
        const onEvent = ({ event }: { readonly event: { readonly type: string } }) => {
          if (event.type !== "RUN_FINISHED" && event.type !== "RUN_ERROR") return
          ended = { type: event.type, outcome: "outcome" in event ? event.outcome : undefined }
        }
        await agent.runAgent(parameters, { onEvent })
        return ended
      }),
    pending: Effect.sync((): ReadonlyArray<PendingCall> => {
      const answered = new Set(
        agent.messages.flatMap((message) => (message.role === "tool" ? message.toolCallId : [])),
      )
      return agent.messages.flatMap((message) =>
        message.role === "assistant"
          ? (message.toolCalls ?? []).flatMap((call) =>
              answered.has(call.id) ? [] : [{ id: call.id, name: call.function.name }],
            )
          : [],
      )
    }),
    /** The texts of the assistant, in order. */
    texts: Effect.sync(() =>
      agent.messages.flatMap(({ content, role }) =>
        role === "assistant" && typeof content === "string" && content !== "" ? [content] : [],
      ),
    ),
    lastAnswer: Effect.sync(() => agent.messages.findLast(({ role }) => role === "assistant")?.content),
  }
}
