/**
 * The part of the state machine that ties a run to its children: it spawns them, waits for them, and ends before them or after.
 *
 * A parent knows by itself which of its children have ended: its state has a bit for each. So whether a wait for them is over is seen
 * in one state, and no order of a child's end and the parent's wait loses a wake-up.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0060-no-lost-wake-up.md
 *
 * @since 0.1.0
 */
import * as ChildEvent from "../model/ChildEvent.js"
import { isTerminal } from "../model/Run.js"
import * as ControlEvents from "./ControlEvents.js"
import type { Children, RunState } from "./RunState.js"
import { ofSpawn } from "./Spending.js"
import { thenGoOn, transition, type Transition } from "./Transition.js"

/** The most children of a run. */
export const maxChildren = 10_000

/** The most runs between a run and the root of its tree, itself included. */
export const maxDepth = 16

const bitOf = (index: number): bigint => 1n << BigInt(index)

const bitsOf = ({ ended }: Children): bigint => BigInt(`0x${ended}`)

const none: Children = { count: 0, open: 0, ended: "0" }

/** How many children have not ended. */
export const openChildren = ({ children }: Pick<RunState, "children">): number => children?.open ?? 0

/** Whether all of one of these groups have ended. The children are named by their indexes. */
export const someEnded = (
  { children }: Pick<RunState, "children">,
  groups: ReadonlyArray<ReadonlyArray<number>>,
): boolean => {
  const bits = bitsOf(children ?? none)
  return groups.some((group) => group.every((index) => (bits & bitOf(index)) !== 0n))
}

/**
 * The parent after it has spawned a child. One without an index is detached: it is no part of the parent's tree.
 *
 * @since 0.1.0
 * @category transitions
 */
export const spawned = (
  parent: RunState,
  child: ChildEvent.Child & ChildEvent.ChildStep,
  now: number,
): Transition => {
  const told = ControlEvents.spawned(parent.spec, parent.log, child)
  if (child.index === undefined) return transition({ ...parent, updatedAt: now }, told)
  const { count, ended, open } = parent.children ?? none
  return transition(
    { ...parent, children: { count: count + 1, open: open + 1, ended }, updatedAt: now },
    told,
    ofSpawn(parent),
  )
}

/**
 * The parent after one of its children has ended; undefined when it knew that before. A parent that waited for it goes on.
 *
 * Its log tells the end, unless the parent has ended before.
 *
 * @since 0.1.0
 * @category transitions
 */
export const childEnded = (parent: RunState, child: RunState, now: number): Transition | undefined => {
  const { status, waiting } = parent
  const children = parent.children ?? none
  const { agentId, runId } = child.spec
  const { index } = child.spec.child!
  const bits = bitsOf(children)
  if (!isTerminal(child.status) || (bits & bitOf(index)) !== 0n) return undefined
  const ended = (bits | bitOf(index)).toString(16)
  const after: RunState = { ...parent, children: { ...children, open: children.open - 1, ended } }
  if (isTerminal(status)) return transition(after)
  const outcome = { status: child.status, ...(child.error === null ? {} : { error: child.error }) }
  const told = [ChildEvent.ended({ agentId, index, runId }, outcome)]
  const made = transition({ ...after, updatedAt: now }, told)
  const goesOn = status === "waiting" && someEnded(after, waiting?.children ?? [])
  return goesOn ? thenGoOn(made, now) : made
}

/**
 * A run that has ended and whose other children are gone: none of them is open any more.
 *
 * @since 0.1.0
 * @category transitions
 */
export const withoutOpenChildren = (parent: RunState): Transition =>
  transition({ ...parent, children: { ...(parent.children ?? none), open: 0 } })
