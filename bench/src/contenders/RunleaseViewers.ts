/** Submits agents to a server of Runlease and views them by its event streams, as a page does. */
import { Effect, Predicate } from "effect"
import type { Message } from "../agent/Conversation.js"
import { main } from "../agent/Viewers.js"
import type { Viewing } from "../agent/Viewing.js"
import * as EventStream from "../EventStream.js"
import type { Served } from "../Stores.js"

const request = (messages: ReadonlyArray<Message>) => ({
  kind: "agent",
  request: {
    agent_id: "bench",
    request_snapshot: {
      messages: messages.map(({ content, role }, index) => ({
        id: `opening-${index}`,
        role,
        parts: [{ type: "text", text: content }],
      })),
      tools: [],
      context: [],
    },
  },
})

/** The messages that a dead worker has left open, whose text is void. */
const superseded = (value: unknown): ReadonlyArray<string> =>
  Predicate.isRecord(value) && Predicate.isRecord(value["superseded"])
    ? (value["superseded"]["messages"] as ReadonlyArray<string>)
    : []

const take = (viewing: Viewing, { delta, messageId, name, type, value }: EventStream.Event): boolean => {
  if (type === "TEXT_MESSAGE_CONTENT") viewing.delta(String(messageId), String(delta))
  else if (type === "TEXT_MESSAGE_START") viewing.open(String(messageId))
  else if (type === "RUN_FINISHED") viewing.end()
  else if (type === "CUSTOM" && name === "runlease.attempt") superseded(value).forEach(viewing.drop)
  return type === "RUN_FINISHED" || type === "RUN_ERROR"
}

main<Served>((served) =>
  Effect.sync(() => {
    const call = async (path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> => {
      const response = await fetch(`${served.url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${served.key}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`)
      return (await response.json()) as Readonly<Record<string, unknown>>
    }
    return {
      submit: async (messages) => {
        const { run } = await call("/runs", request(messages))
        return String((run as Readonly<Record<string, unknown>>)["run_id"])
      },
      view: (run, viewing) =>
        EventStream.follow(served, `/runs/${run}/stream`, { take: (event) => take(viewing, event) }),
      isCompleted: async (run) => (await call(`/runs/${run}`))["status"] === "completed",
    }
  }),
)
