/**
 * The first unfinished runs of lanes, for a store that reads them before it lets them go.
 *
 * @since 0.1.0
 */
import * as Transitions from "../../rules/Transitions.js"
import type { Change, StoredRun } from "./RunRows.js"

/** The changes that let the first unfinished runs of lanes go. */
export const advanced = (heads: ReadonlyArray<StoredRun>, now: number): ReadonlyArray<Change> =>
  heads.flatMap(({ key, state }) => {
    const transition = Transitions.advance(state, now)
    return transition === undefined
      ? []
      : [{ key, before: state, after: transition.state, entries: transition.entries, details: {} }]
  })

/** A changed run as it is now. */
export const afterChange = ({ after, key }: Change): StoredRun => ({ key, state: after })
