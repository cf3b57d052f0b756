/**
 * Debounced runs: a pending run that no worker has claimed takes the later submissions of its key, and waits for the next.
 *
 * Units: `now` and other instants are in milliseconds since the epoch.
 * Source: docs/decisions/0104-debounce.md
 */
import type { Debounce } from "@runlease/core/Debounce"
import * as LimitPlaces from "./LimitPlaces.js"
import type { RunState } from "./RunState.js"
import * as TimeRules from "./TimeRules.js"
import { gateOf, enqueue, transition, type Transition } from "./Transition.js"

/** When the run of a submission may be claimed, whose first submission was at `createdAt`. */
export const availableAt = (
  { maxSeconds, seconds }: Debounce,
  { createdAt, now }: { readonly createdAt: number; readonly now: number },
): number =>
  Math.min(
    now + seconds * 1000,
    maxSeconds === undefined ? Number.POSITIVE_INFINITY : createdAt + maxSeconds * 1000,
  )

/** The key whose later submissions the run takes; null for none. It does not look at the time. */
export const openKey = ({
  spec: { debounceKey },
  startedAt,
  status,
}: Pick<RunState, "spec" | "startedAt" | "status">): string | null =>
  status === "pending" && startedAt === null ? debounceKey : null

/** Whether the run takes a later submission of its key now. */
export const absorbs = (state: RunState, now: number): boolean =>
  openKey(state) !== null && !TimeRules.isExpired(state, now)

/** Moves the start of a run that takes a later submission. A run that is behind others of its lane stays there. */
export const postpone = (state: RunState, debounce: Debounce, now: number): Transition => {
  const { createdAt } = state.spec
  const at = availableAt(debounce, { createdAt, now })
  const after = { ...state, availableAt: at, updatedAt: now }
  if (state.gate === "behind") return transition(after)
  const gate = gateOf(at, state, now)
  if (gate === "delayed") {
    return transition({ ...after, gate, limits: state.limits && LimitPlaces.clear(state.limits), rank: 0 })
  }
  // The delay of a run that has one is over. One without is where it was: it may have a place at its limit.
  return state.gate === "delayed" ? enqueue(state, at, now) : transition(after)
}
