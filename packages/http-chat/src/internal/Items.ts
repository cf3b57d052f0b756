/** The events of messages, of reasoning and of calls, as the chunks of one part each. */
import * as Chunks from "./Chunk.js"
import type { Chunk } from "./Chunk.js"
import type { Kind, Steps } from "./Steps.js"
import type { ToolInputs } from "./ToolInputs.js"

type Event = Chunk

/** A part of the message that streams text. A part that was removed does not continue. */
const ofText = (kind: Kind, event: Event, steps: Steps): ReadonlyArray<Chunk> => {
  const id = Chunks.text(event["messageId"])
  const { role, subagentRunId } = event
  const place = event.type.slice(event.type.lastIndexOf("_") + 1)
  if (place === "START") {
    const other = kind === "reasoning" || role === "assistant" ? undefined : role
    return [
      ...steps.beginMessage(kind, id),
      { type: `${kind}-start`, id, ...Chunks.ours({ role: other, subagentRunId }) },
    ]
  }
  if (steps.isRemoved(kind, id)) return []
  if (place === "CONTENT") return [{ type: `${kind}-delta`, id, delta: Chunks.text(event["delta"]) }]
  steps.endMessage(kind, id)
  return [{ type: `${kind}-end`, id }]
}

const ofCall = (event: Event, steps: Steps, inputs: ToolInputs): ReadonlyArray<Chunk> => {
  const toolCallId = Chunks.text(event["toolCallId"])
  if (event.type === "TOOL_CALL_START") {
    const toolName = Chunks.text(event["toolCallName"])
    const { subagentRunId } = event
    inputs.start(toolCallId, toolName)
    return [
      ...steps.beginCall(toolCallId),
      { type: "tool-input-start", toolCallId, toolName, ...Chunks.ours({ subagentRunId }) },
    ]
  }
  if (steps.placeOf(toolCallId) === "removed") return []
  if (event.type === "TOOL_CALL_ARGS") {
    const inputTextDelta = Chunks.text(event["delta"])
    inputs.add(toolCallId, inputTextDelta)
    return [{ type: "tool-input-delta", toolCallId, inputTextDelta }]
  }
  steps.endInput(toolCallId)
  const whole = inputs.end(toolCallId)
  if (whole.type === "tool-input-error") steps.answered(toolCallId)
  return [whole]
}

/** The chunks of an event; undefined where it is of none of these. */
export const of = (event: Event, steps: Steps, inputs: ToolInputs): ReadonlyArray<Chunk> | undefined => {
  switch (event.type) {
    case "TEXT_MESSAGE_START":
    case "TEXT_MESSAGE_CONTENT":
    case "TEXT_MESSAGE_END":
      return ofText("text", event, steps)
    case "REASONING_MESSAGE_START":
    case "REASONING_MESSAGE_CONTENT":
    case "REASONING_MESSAGE_END":
      return ofText("reasoning", event, steps)
    case "TOOL_CALL_START":
    case "TOOL_CALL_ARGS":
    case "TOOL_CALL_END":
      return ofCall(event, steps, inputs)
    default:
      return undefined
  }
}
