/**
 * The steps of a message, and the calls that the page has.
 *
 * A new attempt takes back the last step of the page as a whole (`reset-step`). A page sends a message again when all calls of its last step
 * have an output. So a step ends when its answer is recorded or its calls have outputs, no step ends before that, and a message that is
 * over ends with a step without calls.
 *
 * @since 0.1.0
 */
import type { OpenedItems } from "@runlease/core/internal"
import type { Chunk } from "./Chunk.js"

const begins: Chunk = { type: "start-step" }
const ends: Chunk = { type: "finish-step" }

/** Where something is that came for a call: in the page, taken back with its step, or not shown in this stream. */
export type Place = "shown" | "removed" | "unknown"

export interface Steps {
  /** Before an item begins. */
  readonly begin: (id: string, call?: "call") => ReadonlyArray<Chunk>

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
  /** The items of the step. */
  readonly items: Set<string>
  /** The calls of the step without an output. */
  readonly open: Set<string>
  readonly calls: Map<string, "shown" | "removed">
}

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

  return {
    begin: (id, call) => {
      const chunks = isSeparate() ? enter() : []
      state.items.add(id)
      if (call !== undefined) {
        state.open.add(id)
        state.calls.set(id, "shown")
      }
      return chunks
    },

    answered: (toolCallId) => {
      state.open.delete(toolCallId)
      state.hasOutput = true
      if (state.separate === "no") state.separate = "answered"
    },

    recorded: ({ messages = [], tool_calls = [] }) => {
      const isOfStep = [...messages, ...tool_calls].some((id) => state.items.has(id))
      if (isOfStep && state.separate === "no") state.separate = "answered"
    },

    superseded: (ids) => {
      state.separate = "always"
      const gone = new Set([...(ids?.messages ?? []), ...(ids?.tool_calls ?? [])])
      const items = Array.from(state.items)
      if (!state.inStep || items.length === 0 || !items.every((id) => gone.has(id))) return []
      for (const id of items) if (state.calls.has(id)) state.calls.set(id, "removed")
      state.items.clear()
      state.open.clear()
      state.separate = "no"
      state.hasOutput = false
      return [{ type: "reset-step" }]
    },

    separate: () => {
      state.separate = "always"
    },

    placeOf: (toolCallId) => state.calls.get(toolCallId) ?? "unknown",

    hasOpenCalls: () => state.open.size > 0,

    end: (isOver) => [...(isOver && state.hasOutput ? enter() : []), ...(state.inStep ? [ends] : [])],

    copy: () =>
      of({
        ...state,
        items: new Set(state.items),
        open: new Set(state.open),
        calls: new Map(state.calls),
      }),
  }
}

/**
 * Of a message that begins, or goes on after outputs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (goesOn: boolean): Steps =>
  of({
    inStep: false,
    separate: "no",
    hasOutput: goesOn,
    items: new Set(),
    open: new Set(),
    calls: new Map(),
  })
