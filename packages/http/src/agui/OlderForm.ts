/** Events for a client older than AG-UI 1.0, which takes the result of a tool as text alone. */
import type { AgentEvent } from "@runlease/core"
import { Predicate } from "effect"

type Event = AgentEvent.LogEvent

type Content = ReadonlyArray<unknown>

const isText = (part: unknown): part is { readonly text: string } =>
  Predicate.isRecord(part) && part["type"] === "text" && typeof part["text"] === "string"

const textOf = (parts: Content): string => parts.flatMap((part) => (isText(part) ? [part.text] : [])).join("")

const isToolMessage = (message: unknown): message is Readonly<Record<string, unknown>> =>
  Predicate.isRecord(message) && message["role"] === "tool" && Array.isArray(message["content"])

/** The results in parts that an event holds. */
const results = (event: Event): ReadonlyArray<Content> => {
  if (event.type === "TOOL_CALL_RESULT") return Array.isArray(event["content"]) ? [event["content"]] : []
  if (event.type !== "MESSAGES_SNAPSHOT" || !Array.isArray(event["messages"])) return []
  return event["messages"].filter(isToolMessage).map(({ content }) => content as Content)
}

/** The number of parts of results that the client does not see. */
export const lostParts = (event: Event): number =>
  results(event).reduce((lost, parts) => lost + parts.filter((part) => !isText(part)).length, 0)

/** Whether the event has another form for such a client. */
export const differs = (event: Event): boolean => results(event).length > 0

/** The event with the text of results that are in parts. */
export const of = (event: Event): Event => {
  if (!differs(event)) return event
  if (event.type === "TOOL_CALL_RESULT") return { ...event, content: textOf(event["content"] as Content) }
  const messages = event["messages"] as ReadonlyArray<unknown>
  return {
    ...event,
    messages: messages.map((message) =>
      isToolMessage(message) ? { ...message, content: textOf(message["content"] as Content) } : message,
    ),
  }
}
