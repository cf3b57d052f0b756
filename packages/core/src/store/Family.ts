/**
 * What the ends of runs in one commit mean above and below them: a parent learns of the end of its child, and the end of a parent cancels
 * its children.
 *
 * Source: docs/decisions/0060-no-lost-wake-up.md
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import type { Outcome } from "../ports/Runs.js"
import * as ChildTransitions from "../rules/ChildTransitions.js"
import * as ControlEvents from "../rules/ControlEvents.js"
import type { Transition } from "../rules/Transition.js"
import * as Transitions from "../rules/Transitions.js"
import type { RunRef, RunRows, StoredRun } from "./RunRows.js"

/** How a child ends whose parent has ended before it. */
const parentEnded: Outcome = { status: "cancelled", error: ControlEvents.parentEnded }

/** The most runs that one commit ends since their parents have ended. */
const mostEnded = 256

/**
 * @since 0.1.0
 * @category models
 */
export interface Family<X> {
  /** Takes note of a child that has ended. */
  readonly childEnded: (parent: RunRef, child: RunRef) => void
  /** Takes note of a parent that has ended with open children. */
  readonly parentEnded: (parent: RunRef) => void
  /** Makes the transitions that follow, and those that follow from them. Children beyond the bound stay, and their parent is due. */
  readonly settle: Effect.Effect<void, X>
  /** Decides requests one after the other. What the end of a run means is settled before the next one. */
  readonly inTurn: <Request, Verdict>(
    requests: ReadonlyArray<Request>,
    decide: (request: Request) => Verdict,
  ) => Effect.Effect<ReadonlyArray<Verdict>, X>
}

/** The runs of the commit that a family changes. */
interface Runs<X> {
  readonly now: number
  readonly rows: Pick<RunRows<X>, "openChildren">
  readonly load: (refs: ReadonlyArray<RunRef>) => Effect.Effect<void, X>
  readonly add: (run: StoredRun) => StoredRun
  readonly find: (ref: RunRef) => StoredRun | undefined
  readonly apply: (run: StoredRun, transition: Transition) => void
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>({ add, apply, find, load, now, rows }: Runs<X>): Family<X> => {
  let children: Array<{ readonly parent: RunRef; readonly child: RunRef }> = []
  let parents: Array<RunRef> = []
  let endable = mostEnded

  /** Leaves out parents that were pruned. */
  const tellParents = Effect.suspend(() => {
    const ended = children
    children = []
    return Effect.map(load(ended.map(({ parent }) => parent)), () => {
      for (const { child, parent } of ended) {
        const run = find(parent)
        const told = run && ChildTransitions.childEnded(run.state, find(child)!.state, now)
        if (told !== undefined) apply(run!, told)
      }
    })
  })

  const endChildren = Effect.suspend(() => {
    const over = parents
    parents = []
    if (over.length === 0 || endable <= 0) return Effect.void
    return Effect.map(rows.openChildren(over, endable), (found) => {
      endable -= found.length
      for (const run of found.map(add)) {
        const ended = Transitions.end(run.state, undefined, parentEnded, now)
        if (Either.isRight(ended)) apply(run, ended.right)
      }
      if (found.length > 0) return
      // Their rows are gone, so nothing is left to end.
      for (const run of over.flatMap((ref) => find(ref) ?? [])) {
        apply(run, ChildTransitions.withoutOpenChildren(run.state))
      }
    })
  })

  const isSettled = (): boolean => children.length === 0 && parents.length === 0

  const settle: Effect.Effect<void, X> = Effect.suspend(() =>
    isSettled() ? Effect.void : Effect.zipRight(Effect.zipRight(endChildren, tellParents), settle),
  )

  return {
    childEnded: (parent, child) => void children.push({ parent, child }),
    parentEnded: (parent) => void parents.push(parent),
    settle,
    inTurn: <Request, Verdict>(requests: ReadonlyArray<Request>, decide: (request: Request) => Verdict) => {
      const verdicts: Array<Verdict> = []
      const next: Effect.Effect<ReadonlyArray<Verdict>, X> = Effect.suspend(() => {
        while (isSettled() && verdicts.length < requests.length) {
          verdicts.push(decide(requests[verdicts.length]!))
        }
        return isSettled() ? Effect.succeed(verdicts) : Effect.zipRight(settle, next)
      })
      return next
    },
  }
}
