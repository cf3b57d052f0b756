/** Converts the THINKING events of agents older than 1.0 to the REASONING events of 1.0. */
import type { AgentEvent } from "@runlease/core"

type Event = AgentEvent.LogEvent

/** Converts the events of one stream. `prefix` makes the ids of REASONING events unique in the thread. */
export const make = (prefix: string): ((event: Event) => Event) => {
  let count = 0
  let span = `${prefix}-thinking`
  let message = span
  const next = () => `${prefix}-thinking-${++count}`

  return (event) => {
    switch (event.type) {
      case "THINKING_START": {
        const { title: _title, ...rest } = event
        span = next()
        return { ...rest, type: "REASONING_START", messageId: span }
      }
      case "THINKING_TEXT_MESSAGE_START":
        message = next()
        return { ...event, type: "REASONING_MESSAGE_START", messageId: message, role: "reasoning" }
      case "THINKING_TEXT_MESSAGE_CONTENT":
        return { ...event, type: "REASONING_MESSAGE_CONTENT", messageId: message }
      case "THINKING_TEXT_MESSAGE_END":
        return { ...event, type: "REASONING_MESSAGE_END", messageId: message }
      case "THINKING_END":
        return { ...event, type: "REASONING_END", messageId: span }
      default:
        return event
    }
  }
}
