/**
 * The part of the state machine that ties a run to its children: it spawns them, waits for them, and ends before them or after.
 *
 * A parent knows by itself which of its children have ended: its state has a bit for each. So whether a wait for them is over is found
 * in one state, and no order of a child's end and the parent's wait loses a wake-up.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0060-no-lost-wake-up.md
 */
import * as ChildEvent from "@runlease/core/ChildEvent"
import * as ControlEvents from "@runlease/core/ControlEvents"
import { SuspensionRefused } from "@runlease/core/Leases"
import { isTerminal } from "@runlease/core/Run"
import { Either } from "effect"
import type { Children, RunState } from "./RunState.js"
import { chargeSpawn } from "./BudgetCharges.js"
import { resumeAfter, transition, type Transition } from "./Transition.js"

/** The most runs between a run and the root of its tree, itself included. */
export const maxDepth = 16

const bitOf = (index: number): bigint => 1n << BigInt(index)

const bitsOf = ({ ended }: Children): bigint => BigInt(`0x${ended}`)

/** Reads one digit, so its cost does not depend on the index. */
const hasEnded = ({ ended }: Children, index: number): boolean => {
  const digit = ended.at(-1 - Math.floor(index / 4))
  return digit !== undefined && (Number.parseInt(digit, 16) & (1 << (index % 4))) !== 0
}

const none: Children = { count: 0, open: 0, ended: "0" }

/** How many children have not ended. */
export const openChildren = ({ children }: Pick<RunState, "children">): number => children?.open ?? 0

/** Whether all of one of these groups have ended. The children are named by their indexes. */
export const someEnded = (
  { children }: Pick<RunState, "children">,
  groups: ReadonlyArray<ReadonlyArray<number>>,
): boolean => {
  const own = children ?? none
  return groups.some((group) => group.every((index) => hasEnded(own, index)))
}

/** Whether a run may wait for these groups: it has all of their children, and they are not too many. */
export const mayAwait = (
  { children, spec }: Pick<RunState, "children" | "spec">,
  groups: ReadonlyArray<ReadonlyArray<number>>,
): Either.Either<void, SuspensionRefused> => {
  const refuse = (message: string) => Either.left(new SuspensionRefused({ message }))
  const { count } = children ?? none
  const awaited = groups.flat()
  if (Math.max(groups.length, awaited.length) > ChildEvent.maxAwaited) {
    return refuse(
      `children: a run waits for at most ${ChildEvent.maxAwaited} groups, with as many children together`,
    )
  }
  const unknown = awaited.find((index) => index >= count)
  return unknown === undefined
    ? Either.void
    : refuse(
        `children: run ${spec.runId} has ${count} children, counted from 0, so none has the index ${unknown}`,
      )
}

/** The parent after it has spawned a child. One without an index is detached: it is no part of the parent's tree. */
export const spawned = (
  parent: RunState,
  child: ChildEvent.Child & ChildEvent.ChildStep,
  now: number,
): Transition => {
  const events = ControlEvents.spawned(parent.spec, parent.log, child)
  if (child.index === undefined) return transition({ ...parent, updatedAt: now }, events)
  const { count, ended, open } = parent.children ?? none
  return transition(
    { ...parent, children: { count: count + 1, open: open + 1, ended }, updatedAt: now },
    events,
    chargeSpawn(parent),
  )
}

/**
 * The parent after one of its children has ended; undefined when it knew that before. A parent that waited for it resumes.
 *
 * Its log has the end, unless the parent has ended before.
 */
export const childEnded = (parent: RunState, child: RunState, now: number): Transition | undefined => {
  const { status, waiting } = parent
  const children = parent.children ?? none
  const { agentId, runId } = child.spec
  const { index } = child.spec.child!
  if (!isTerminal(child.status) || hasEnded(children, index)) return undefined
  const ended = (bitsOf(children) | bitOf(index)).toString(16)
  const after: RunState = { ...parent, children: { ...children, open: children.open - 1, ended } }
  if (isTerminal(status)) return transition(after)
  const outcome = { status: child.status, ...(child.error === null ? {} : { error: child.error }) }
  const events = [ChildEvent.ended({ agentId, index, runId }, outcome)]
  const made = transition({ ...after, updatedAt: now }, events)
  const goesOn = status === "waiting" && someEnded(after, waiting?.children ?? [])
  return goesOn ? resumeAfter(made, now) : made
}

/** A run that has ended and whose other children are gone: none of them is open any more. */
export const withoutOpenChildren = (parent: RunState): Transition =>
  transition({ ...parent, children: { ...(parent.children ?? none), open: 0 } })
