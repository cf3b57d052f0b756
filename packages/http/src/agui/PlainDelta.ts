/**
 * The events that streams mostly have: a delta of a message, of reasoning or of a tool's arguments, without other fields.
 *
 * Every client takes such an event as it is, so it needs neither the schema nor another form.
 */
import type { AgentEvent } from "@runlease/core"

/** The field that names what a delta continues. */
const idFields: ReadonlyMap<string, string> = new Map([
  ["TEXT_MESSAGE_CONTENT", "messageId"],
  ["REASONING_MESSAGE_CONTENT", "messageId"],
  ["TOOL_CALL_ARGS", "toolCallId"],
])

/** Whether the event is a delta that has these fields alone: its type, the id of what it continues, and the delta. */
export const is = (event: AgentEvent.LogEvent): boolean => {
  const idField = idFields.get(event.type)
  return (
    idField !== undefined &&
    typeof event[idField] === "string" &&
    typeof event["delta"] === "string" &&
    Object.keys(event).length === 3
  )
}
