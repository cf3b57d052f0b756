/** A page with tools of its own, whose client is one of those that pages have today. */
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

/** How one run ended for the client. */
export interface Ended {
  readonly type: string
  readonly outcome: unknown
}

/** The calls among its messages that have no result among them: what its client takes for the page's to do. */
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

/** A thread of its own. */
export const make = (version: Version, { apiKey, url }: Options) => {
  const agent = clients[version]({
    url: `${url}/ag-ui/agent`,
    headers: { authorization: `Bearer ${apiKey}` },
    threadId: randomUUID(),
  })
  return {
    say: (content: string) =>
      Effect.sync(() => agent.addMessage({ id: randomUUID(), role: "user", content })),
    result: (toolCallId: string, content: string) =>
      Effect.sync(() => agent.addMessage({ id: randomUUID(), role: "tool", toolCallId, content })),
    /** One run, to its end. */
    run: (resume: Array<Answer> = []) =>
      Effect.promise(async (): Promise<Ended> => {
        let ended: Ended = { type: "none", outcome: undefined }
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
    said: Effect.sync(() => agent.messages.findLast(({ role }) => role === "assistant")?.content),
  }
}
