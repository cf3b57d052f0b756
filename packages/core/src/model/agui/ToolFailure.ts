/**
 * The result of a tool call that failed. AG-UI 1.0 has no field for it in TOOL_CALL_RESULT, so it is in the event's
 * metadata under a key of ours.
 */
import { toolCallResult } from "./Constructors.js"
import type { ToolCallResult } from "./Events.js"
import type { Content } from "./Messages.js"

const key = "runlease.isError"

/** The result of a tool call that failed: `content` says why. */
export const toolCallFailure = (messageId: string, toolCallId: string, content: Content): ToolCallResult =>
  toolCallResult(messageId, toolCallId, content, { role: "tool", metadata: { [key]: true } })

/** Whether a TOOL_CALL_RESULT is that of a call that failed. Older logs have it in a field of the event. */
export const isToolCallFailure = (event: { readonly [key: string]: unknown }): boolean => {
  const metadata = event["metadata"] as Readonly<Record<string, unknown>> | null | undefined
  return event["isError"] === true || metadata?.[key] === true
}
