/**
 * The state of a thread, folded from snapshots and patches. A state larger than `maxBytes` is omitted until the next
 * snapshot.
 */
import * as JsonPatch from "./JsonPatch.js"

export interface ThreadState {
  readonly set: (value: unknown) => void
  readonly change: (patch: unknown) => void
  readonly value: () => unknown
  readonly omitted: () => boolean
  readonly bytes: () => number
}

export const make = (maxBytes: number): ThreadState => {
  let state: JsonPatch.Sized | undefined
  let omitted = false
  return {
    set: (value) => {
      const bytes = JsonPatch.sizeOf(value)
      omitted = bytes > maxBytes
      state = omitted ? undefined : { value, bytes }
    },
    change: (patch) => {
      if (omitted) return
      state = JsonPatch.apply(state ?? { value: {}, bytes: 0 }, patch, maxBytes)
      omitted = state === undefined
    },
    value: () => state?.value,
    omitted: () => omitted,
    bytes: () => state?.bytes ?? 0,
  }
}
