/** What is dropped from the messages of a thread. */
import type * as OpenedItems from "@runlease/core/OpenedItems"
import type { ThreadMessages } from "./ThreadMessages.js"

export interface DroppedItems {
  /** Drops messages, and calls with their results. A message stays while a call in it does. */
  readonly add: (ids: OpenedItems.ItemIds) => void

  /** Whether a call is dropped, so that a later result of it is dropped too. */
  readonly has: (toolCallId: string) => boolean

  /** Takes note that a call begins, perhaps once more. */
  readonly begin: (toolCallId: string) => void
}

/** Nothing is dropped. */
export const make = (thread: ThreadMessages): DroppedItems => {
  const dropped = new Set<string>()

  const dropCall = (toolCallId: string): void => {
    dropped.add(toolCallId)
    const entry = thread.byCall(toolCallId)
    thread.removeCall(toolCallId)
    if (entry?.callCount === 0 && entry.message["content"] === undefined) thread.remove(entry)
    for (const result of thread.resultsOf(toolCallId)) thread.remove(result)
  }

  const dropMessage = (id: string): void => {
    const entry = thread.byId(id)
    if (entry !== undefined && entry.callCount === 0) thread.remove(entry)
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
