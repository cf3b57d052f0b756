/**
 * The order of events that AG-UI 1.0 demands of a log, written from its documents and the behaviour of its client.
 *
 * A log has parts, each from RUN_STARTED to RUN_FINISHED or RUN_ERROR. Between them stand only events of the control plane that a view
 * hides.
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */
import type { Event } from "../History.js"

/** What opens, continues and closes, and the field that names it. */
const items: Readonly<Record<string, { readonly kind: string; readonly id: string; readonly does: string }>> =
  {
    TEXT_MESSAGE_START: { kind: "message", id: "messageId", does: "open" },
    TEXT_MESSAGE_CONTENT: { kind: "message", id: "messageId", does: "use" },
    TEXT_MESSAGE_END: { kind: "message", id: "messageId", does: "close" },
    TOOL_CALL_START: { kind: "tool call", id: "toolCallId", does: "open" },
    TOOL_CALL_ARGS: { kind: "tool call", id: "toolCallId", does: "use" },
    TOOL_CALL_END: { kind: "tool call", id: "toolCallId", does: "close" },
    REASONING_START: { kind: "reasoning", id: "messageId", does: "open" },
    REASONING_END: { kind: "reasoning", id: "messageId", does: "close" },
    REASONING_MESSAGE_START: { kind: "reasoning message", id: "messageId", does: "open" },
    REASONING_MESSAGE_CONTENT: { kind: "reasoning message", id: "messageId", does: "use" },
    REASONING_MESSAGE_END: { kind: "reasoning message", id: "messageId", does: "close" },
    STEP_STARTED: { kind: "step", id: "stepName", does: "open" },
    STEP_FINISHED: { kind: "step", id: "stepName", does: "close" },
    SUBAGENT_STARTED: { kind: "subagent", id: "subagentRunId", does: "open" },
    SUBAGENT_FINISHED: { kind: "subagent", id: "subagentRunId", does: "close" },
    SUBAGENT_ERROR: { kind: "subagent", id: "subagentRunId", does: "close" },
  }

const isHidden = ({ name, type }: Event): boolean =>
  type === "CUSTOM" && typeof name === "string" && name.startsWith("runlease.")

/**
 * What is wrong with the events, as sentences. Each names the position of its event, from 1.
 *
 * @category checking
 */
export const problems = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const found: Array<string> = []
  const open = new Set<string>()
  let isActive = false
  for (const [index, event] of events.entries()) {
    const say = (sentence: string) => found.push(`event ${index + 1}, ${event.type}: ${sentence}`)
    switch (event.type) {
      case "RUN_STARTED":
        if (isActive) say("the run is active")
        isActive = true
        continue
      case "RUN_FINISHED":
        if (!isActive) say("the run is not active")
        if (open.size > 0) say(`${Array.from(open).join(", ")} open`)
        isActive = false
        open.clear()
        continue
      case "RUN_ERROR":
        isActive = false
        open.clear()
        continue
      default:
    }
    if (!isActive && !isHidden(event)) say("the run is not active")
    const item = items[event.type]
    if (item === undefined) continue
    const name = `${item.kind} ${String(event[item.id])}`
    if (item.does === "open" && open.has(name)) say(`${name} is open`)
    if (item.does !== "open" && !open.has(name)) say(`${name} is not open`)
    if (item.does === "open") open.add(name)
    if (item.does === "close") open.delete(name)
  }
  return found
}
