/**
 * Pages with `useChat`, without their rendering: `Chat` of `@ai-sdk/react` over a server of the contract.
 */
import { Chat } from "@ai-sdk/react"
import { type ChatInit, DefaultChatTransport, type UIMessage } from "ai"
import { Effect, Schedule } from "effect"
import { Served } from "../../http/test/serving.js"

export interface Options {
  readonly agentId?: string
  readonly id?: string
  readonly messages?: ReadonlyArray<UIMessage>
  readonly body?: object
  readonly init?: Pick<ChatInit<UIMessage>, "sendAutomaticallyWhen" | "onToolCall">
}

/** Looks until it is so. A lease may have to lapse before. */
const look = (is: () => boolean) =>
  Effect.repeat(Effect.sync(is), { until: (so) => so, schedule: Schedule.spaced("5 millis") })

/** A page that has loaded the messages. */
export const open = ({ agentId = "agent", body, id = "chat", init, messages = [] }: Options = {}) =>
  Effect.map(Served, ({ key, url }) => {
    const errors: Array<Error> = []
    const chat = new Chat({
      id,
      messages: structuredClone([...messages]),
      onError: (error) => errors.push(error),
      transport: new DefaultChatTransport({
        api: `${url}/chat/${agentId}`,
        headers: { authorization: `Bearer ${key}` },
        ...(body === undefined ? {} : { body }),
      }),
      ...init,
    })
    return {
      chat,
      errors,
      /** Sends a text, and waits for the end of the stream. */
      say: (text: string) => Effect.promise(() => chat.sendMessage({ text })),
      /** Sends a text, and leaves the stream open. */
      send: (text: string) =>
        Effect.sync(() => {
          void chat.sendMessage({ text })
        }),
      /** Reads the stream of a page that comes back. */
      resume: Effect.promise(() => chat.resumeStream()),
      answer: () => textOf(chat.lastMessage),
      until: (is: (message: UIMessage | undefined) => boolean) => look(() => is(chat.lastMessage)),
      untilReady: look(() => chat.status === "ready" || chat.status === "error"),
    }
  })

/** The text of a message. */
export const textOf = (message: UIMessage | undefined): string =>
  (message?.parts ?? []).flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")

/** The run of an assistant's message. */
export const runOf = (message: UIMessage | undefined): string =>
  String((message?.metadata as { readonly runId?: unknown } | undefined)?.runId)
