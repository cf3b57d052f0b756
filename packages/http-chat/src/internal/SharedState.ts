/**
 * The state that an agent shares with its page, as data parts: each patch is shown once, and the whole state is a part of the message.
 *
 * The whole state comes with each snapshot and where a step or the stream ends, so that many patches of a large state cost no more than
 * themselves.
 */
import { RunLog } from "@runlease/core"
import * as Log from "@runlease/http/face/Log"
import { type Chunk, data, transient } from "./Chunk.js"

export interface SharedState {
  readonly set: (snapshot: unknown) => ReadonlyArray<Chunk>
  readonly change: (patch: unknown) => ReadonlyArray<Chunk>
  /** The whole state, if the page has an older one. */
  readonly whole: () => ReadonlyArray<Chunk>
  /** The step that may have the part is removed. */
  readonly reset: () => void
  readonly copy: () => SharedState
}

const of = (initial: Log.Sized | undefined, changed: boolean): SharedState => {
  let state = initial
  let isStale = changed
  const part = (): ReadonlyArray<Chunk> => {
    isStale = false
    return state === undefined ? [] : [data("state", state.value, { id: "state" })]
  }
  return {
    set: (value) => {
      const bytes = Log.sizeOf(value)
      state = bytes > RunLog.maxReadBytes ? undefined : { value, bytes }
      return state === undefined ? [transient("state-snapshot", value)] : part()
    },
    change: (patch) => {
      state = Log.apply(state ?? { value: {}, bytes: 0 }, patch, RunLog.maxReadBytes)
      isStale = true
      return [transient("state-delta", patch)]
    },
    whole: () => (isStale ? part() : []),
    reset: () => {
      isStale = state !== undefined
    },
    copy: () => of(state, isStale),
  }
}

/** No state. */
export const make = (): SharedState => of(undefined, false)
