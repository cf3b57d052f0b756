/**
 * The steps of a message, and the calls that the page has.
 *
 * A new attempt takes back the last step of the page as a whole (`reset-step`). A page sends a message again when all calls of its last step
 * have an output. So a step ends when its answer is recorded or its calls have outputs, no step ends before that, and a message that is
 * over ends with a step without calls.
 */
import type * as OpenedItems from "@runlease/core/OpenedItems"
import type { Chunk } from "./Chunk.js"

const begins: Chunk = { type: "start-step" }
const ends: Chunk = { type: "finish-step" }

/** Where the part of a call is: in the page, removed with its step, or not shown in this stream. */
export type Place = "shown" | "removed" | "unknown"

/** What streams as a message. Each kind has separate ids. */
export type Kind = "text" | "reasoning"

export interface Steps {
  /** Before a message begins. */
  readonly beginMessage: (kind: Kind, messageId: string) => ReadonlyArray<Chunk>

  /** Before a call begins. */
  readonly beginCall: (toolCallId: string) => ReadonlyArray<Chunk>

  /** After the end of a message, or of the input of a call. */
  readonly endMessage: (kind: Kind, messageId: string) => void
  readonly endInput: (toolCallId: string) => void

  /** Whether a message was removed while it streamed. */
  readonly isRemoved: (kind: Kind, messageId: string) => boolean

  /** After the output of a call, or an error that no output follows. */
  readonly answered: (toolCallId: string) => void

  /** After a record that names items: what comes next is another step. */
  readonly recorded: (ids: Partial<OpenedItems.ItemIds>) => void

  /** After the end of an attempt, with what it superseded. */
  readonly superseded: (ids: OpenedItems.ItemIds | undefined) => ReadonlyArray<Chunk>

  /** What comes next is another step. */
  readonly separate: () => void

  readonly placeOf: (toolCallId: string) => Place

  /** Whether a call has no output. */
  readonly hasOpenCalls: () => boolean

  /** At the end of the stream. `isOver`: the page has nothing to answer. */
  readonly end: (isOver: boolean) => ReadonlyArray<Chunk>

  readonly copy: () => Steps
}

interface State {
  inStep: boolean
  /** Whether the next item begins another step, as soon as the calls of this one have outputs, or in any case. */
  separate: "no" | "answered" | "always"
  /** Whether an output came since the last step began. */
  hasOutput: boolean
  /** The items of the step, as `keyOf` has them. */
  readonly items: Set<string>
  /** The calls of the step without an output. */
  readonly open: Set<string>
  /** The items that stream: a page forgets all of them when it takes a step back. */
  readonly streaming: Set<string>
  /** The calls that were shown, and the items that were removed. */
  readonly calls: Set<string>
  readonly removed: Set<string>
}

const streamKey = (kind: Kind, id: string): string => `${kind} ${id}`
const messageKey = (id: string): string => `message ${id}`
const callKey = (id: string): string => `call ${id}`

const keysOf = ({ messages = [], tool_calls = [] }: Partial<OpenedItems.ItemIds>): ReadonlyArray<string> => [
  ...messages.map(messageKey),
  ...tool_calls.map(callKey),
]

const of = (state: State): Steps => {
  const enter = (): ReadonlyArray<Chunk> => {
    const before = state.inStep ? [ends] : []
    state.inStep = true
    state.separate = "no"
    state.hasOutput = false
    state.items.clear()
    state.open.clear()
    return [...before, begins]
  }

  const isSeparate = (): boolean =>
    !state.inStep || state.separate === "always" || (state.separate === "answered" && state.open.size === 0)

  /** `key` is that of the item, `stream` that of what streams. */
  const begin = (key: string, stream: string): ReadonlyArray<Chunk> => {
    const chunks = isSeparate() ? enter() : []
    state.items.add(key)
    state.streaming.add(stream)
    state.removed.delete(stream)
    return chunks
  }

  return {
    beginMessage: (kind, messageId) => begin(messageKey(messageId), streamKey(kind, messageId)),

    beginCall: (toolCallId) => {
      const chunks = begin(callKey(toolCallId), callKey(toolCallId))
      state.open.add(toolCallId)
      state.calls.add(toolCallId)
      return chunks
    },

    endMessage: (kind, messageId) => {
      state.streaming.delete(streamKey(kind, messageId))
    },

    endInput: (toolCallId) => {
      state.streaming.delete(callKey(toolCallId))
    },

    isRemoved: (kind, messageId) => state.removed.has(streamKey(kind, messageId)),

    answered: (toolCallId) => {
      state.open.delete(toolCallId)
      state.hasOutput = true
      if (state.separate === "no") state.separate = "answered"
    },

    recorded: (ids) => {
      const isOfStep = keysOf(ids).some((key) => state.items.has(key))
      if (isOfStep && state.separate === "no") state.separate = "answered"
    },

    superseded: (ids = { messages: [], tool_calls: [] }) => {
      state.separate = "always"
      const gone = new Set(keysOf(ids))
      const items = Array.from(state.items)
      if (!state.inStep || items.length === 0 || !items.every((key) => gone.has(key))) return []
      for (const key of [...items, ...state.streaming]) state.removed.add(key)
      state.items.clear()
      state.streaming.clear()
      state.open.clear()
      state.separate = "no"
      state.hasOutput = false
      return [{ type: "reset-step" }]
    },

    separate: () => {
      state.separate = "always"
    },

    placeOf: (toolCallId) => {
      if (state.removed.has(callKey(toolCallId))) return "removed"
      return state.calls.has(toolCallId) ? "shown" : "unknown"
    },

    hasOpenCalls: () => state.open.size > 0,

    end: (isOver) => [...(isOver && state.hasOutput ? enter() : []), ...(state.inStep ? [ends] : [])],

    copy: () =>
      of({
        ...state,
        items: new Set(state.items),
        open: new Set(state.open),
        streaming: new Set(state.streaming),
        calls: new Set(state.calls),
        removed: new Set(state.removed),
      }),
  }
}

/** Of a message that begins, or continues after outputs. */
export const make = (goesOn: boolean): Steps =>
  of({
    inStep: false,
    separate: "no",
    hasOutput: goesOn,
    items: new Set(),
    open: new Set(),
    streaming: new Set(),
    calls: new Set(),
    removed: new Set(),
  })
