/**
 * Changes of what is stored beside a run, put together within a commit.
 *
 * @since 0.1.0
 */
import type { DetailChanges } from "../rows/RunRows.js"

/** Nothing changes beside the state. */
export const noDetails: DetailChanges = {}

/** Both changes, the later one last. */
export const mergeDetails = (before: DetailChanges, after: DetailChanges): DetailChanges =>
  before === noDetails
    ? after
    : {
        ...before,
        ...after,
        inputs: [...(before.inputs ?? []), ...(after.inputs ?? [])],
        claims: [...(before.claims ?? []), ...(after.claims ?? [])],
        messages: [...(before.messages ?? []), ...(after.messages ?? [])],
      }

/** Whether a change is one of these; any is when there are none. */
export const changesSome = (changes: DetailChanges, names: ReadonlyArray<keyof DetailChanges>): boolean =>
  names.length === 0 ||
  names.some((name) => {
    const change = changes[name]
    return Array.isArray(change) ? change.length > 0 : change !== undefined
  })
