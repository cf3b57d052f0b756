/**
 * What the transitions of one commit mean for others of the tree: a parent learns of the end of its child, the end of a parent cancels
 * its children, and the root is charged with what its tree spends.
 *
 * Source: docs/decisions/0060-no-lost-wake-up.md, docs/decisions/0063-budgets.md
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import type { Outcome } from "../../ports/Runs.js"
import { isReached } from "../../model/TreeBudget.js"
import * as BudgetTransitions from "../../rules/BudgetTransitions.js"
import * as ChildTransitions from "../../rules/ChildTransitions.js"
import * as ControlEvents from "../../rules/ControlEvents.js"
import type { Consequence, Transition } from "../../rules/Transition.js"
import * as Transitions from "../../rules/Transitions.js"
import type { RunRef, RunRows, StoredRun } from "../rows/RunRows.js"

/** How a child ends whose parent has ended before it. */
const parentEnded: Outcome = { status: "cancelled", error: ControlEvents.parentEnded }

/** The most runs that one commit ends since their parents have ended. */
const mostEnded = 256

type BudgetTag = "Spent" | "AwaitsBudget" | "BudgetRaised"

/** A consequence for other runs of the tree. */
type OfTree = Extract<Consequence, { readonly _tag: "ChildEnded" | "ParentEnded" | BudgetTag }>

/** A consequence for the budget of a tree, and the run of the tree that it comes from. */
interface BudgetChange {
  readonly from: RunRef
  readonly consequence: Extract<OfTree, { readonly _tag: BudgetTag }>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Family<X> {
  /** Takes note of what a transition of a run means for others of its tree. */
  readonly follow: (from: RunRef, consequence: OfTree) => void
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
  let budgets: Array<BudgetChange> = []
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

  const ofProject = ({ projectId }: RunRef, runId: RunRef["runId"]): RunRef => ({ projectId, runId })

  const changeBudget = ({ consequence, from }: BudgetChange): void => {
    switch (consequence._tag) {
      case "Spent": {
        const root = find(ofProject(from, consequence.root))
        if (root?.state.budget != null)
          apply(root, BudgetTransitions.spent(root.state, consequence.spent, now))
        return
      }
      case "AwaitsBudget": {
        const root = find(ofProject(from, consequence.root))
        const run = find(from)
        if (root?.state.budget == null || run === undefined) return
        const goesOn = BudgetTransitions.raised(run.state, now)
        if (goesOn === undefined) return
        if (isReached(root.state.budget)) apply(root, BudgetTransitions.awaited(root.state, from.runId))
        else apply(run, goesOn)
        return
      }
      case "BudgetRaised":
        for (const runId of consequence.runs) {
          const run = find(ofProject(from, runId))
          const goesOn = run && BudgetTransitions.raised(run.state, now)
          if (goesOn !== undefined) apply(run!, goesOn)
        }
    }
  }

  const changeBudgets = Effect.suspend(() => {
    const changes = budgets
    budgets = []
    if (changes.length === 0) return Effect.void
    const named = changes.flatMap(({ consequence, from }) =>
      consequence._tag === "BudgetRaised"
        ? consequence.runs.map((runId) => ofProject(from, runId))
        : [ofProject(from, consequence.root)],
    )
    return Effect.map(load(named), () => changes.forEach(changeBudget))
  })

  const isSettled = (): boolean => children.length === 0 && parents.length === 0 && budgets.length === 0

  const settle: Effect.Effect<void, X> = Effect.suspend(() =>
    isSettled()
      ? Effect.void
      : Effect.zipRight(Effect.all([endChildren, tellParents, changeBudgets], { discard: true }), settle),
  )

  return {
    follow: (from, consequence) => {
      if (consequence._tag === "ParentEnded") parents.push(from)
      else if (consequence._tag === "ChildEnded") {
        children.push({ parent: ofProject(from, consequence.parent), child: from })
      } else budgets.push({ from, consequence })
    },
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
