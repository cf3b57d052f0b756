/**
 * What is dropped from the messages of a thread.
 *
 * @since 0.1.0
 */
import type { OpenedItems } from "@runlease/core"
import * as ThreadMessages from "./ThreadMessages.js"

export interface DroppedItems {
  /** Drops messages, and calls with their results. A message stays while a call in it does. */
  readonly add: (ids: OpenedItems.ItemIds) => void

  /** Whether a call is dropped, so that a later result of it is dropped too. */
  readonly has: (toolCallId: string) => boolean

  /** Takes note that a call begins, perhaps once more. */
  readonly begin: (toolCallId: string) => void
}

/**
 * Nothing is dropped.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (thread: ThreadMessages.ThreadMessages): DroppedItems => {
  const dropped = new Set<string>()

  const dropCall = (toolCallId: string): void => {
    dropped.add(toolCallId)
    const entry = thread.byCall(toolCallId)
    if (entry !== undefined) {
      const { content, toolCalls: _toolCalls, ...rest } = entry.message
      const toolCalls = ThreadMessages.callsOf(entry.message).filter(({ id }) => id !== toolCallId)
      if (toolCalls.length > 0) thread.replace(entry, { ...entry.message, toolCalls })
      else if (content === undefined) thread.remove(entry)
      else thread.replace(entry, { ...rest, content })
    }
    const results = thread
      .all()
      .filter(({ message }) => message.role === "tool" && message["toolCallId"] === toolCallId)
    for (const result of results) thread.remove(result)
  }

  const dropMessage = (id: string): void => {
    const entry = thread.byId(id)
    if (entry !== undefined && ThreadMessages.callsOf(entry.message).length === 0) thread.remove(entry)
  }

  return {
    add: ({ messages, tool_calls }) => {
      tool_calls.forEach(dropCall)
      messages.forEach(dropMessage)
    },
    has: (toolCallId) => dropped.has(toolCallId),
    begin: (toolCallId) => void dropped.delete(toolCallId),
  }
}
