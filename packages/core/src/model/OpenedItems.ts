/**
 * The messages and tool calls that events open.
 *
 * Source: docs/decisions/0058-superseded-parts.md
 */
import type { LogEvent } from "./AgentEvent.js"
import * as AgUiItems from "./AgUiItems.js"

/** Messages and tool calls by their ids, as a record names them. */
export interface ItemIds {
  readonly messages: ReadonlyArray<string>
  readonly tool_calls: ReadonlyArray<string>
}

/** Collects what events open, in the order of opening. */
export interface OpenedItems {
  /** Takes the next event. The result of a call is a part of that call. */
  readonly observe: (event: LogEvent) => void

  /** Forgets what a record names. */
  readonly forget: (ids: Partial<ItemIds>) => void

  readonly clear: () => void

  /** What is opened and not forgotten. */
  readonly ids: () => ItemIds

  /** The same as it is now: what one of them takes does not change the other. */
  readonly copy: () => OpenedItems
}

const ofItems = (messages: Set<string>, calls: Set<string>): OpenedItems => ({
  observe: (event) => {
    const begun = AgUiItems.beginningOf(event)
    if (begun === undefined) return
    if (begun.field === "messageId") messages.add(begun.id)
    else calls.add(begun.id)
  },
  forget: (ids) => {
    for (const id of ids.messages ?? []) messages.delete(id)
    for (const id of ids.tool_calls ?? []) calls.delete(id)
  },
  clear: () => {
    messages.clear()
    calls.clear()
  },
  ids: () => ({ messages: Array.from(messages), tool_calls: Array.from(calls) }),
  copy: () => ofItems(new Set(messages), new Set(calls)),
})

/** Collects from nothing. */
export const make = (): OpenedItems => ofItems(new Set(), new Set())
