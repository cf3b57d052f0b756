/**
 * What the transitions of one commit mean for others of the tree. A commit enters it at the first run with a parent, with children or with a
 * budget that they change: a parent learns of the end of its child, the end of a parent cancels
 * its children, and the root is charged with what its tree spends.
 *
 * Source: docs/decisions/0060-no-lost-wake-up.md, docs/decisions/0063-budgets.md
 */
import * as ChildMessage from "@runlease/core/ChildMessage"
import * as ControlEvents from "@runlease/core/ControlEvents"
import { MessageId, uuidV7 } from "@runlease/core/Ids"
import { isTerminal } from "@runlease/core/Run"
import type { Outcome } from "@runlease/core/Runs"
import { isReached } from "@runlease/core/TreeBudget"
import { Effect, Either } from "effect"
import * as BudgetTransitions from "../rules/BudgetTransitions.js"
import * as ChildTransitions from "../rules/ChildTransitions.js"
import * as InboxTransitions from "../rules/InboxTransitions.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import type { RunRows } from "../rows/RunRows.js"
import type { RunState } from "../rules/RunState.js"
import type { DetailChanges, RunRef, StoredRun } from "../rows/StoredRun.js"
import type { Consequence, Transition } from "../rules/Transition.js"

/** How a child ends whose parent has ended before it. */
const parentEnded: Outcome = { status: "cancelled", error: ControlEvents.parentEnded }

/** The most runs that one commit ends since their parents have ended. */
const mostEnded = 256

/** A consequence for the budget of a tree, and the run of the tree that it comes from. */
interface BudgetChange {
  readonly from: RunRef
  readonly consequence: Extract<Consequence, { readonly _tag: "Spent" | "AwaitsBudget" | "BudgetRaised" }>
}

/** Consequences for a tree that a commit has yet to follow up. */
export interface Consequences {
  readonly endedChildren: Array<{ readonly parent: RunRef; readonly child: RunRef }>
  readonly endedParents: Array<RunRef>
  readonly budgets: Array<BudgetChange>
}

/** What it needs of a commit. */
export interface Commit<X> {
  readonly now: number
  readonly rows: Pick<RunRows<X>, "openChildren">
  readonly consequences: Consequences
  readonly load: (refs: ReadonlyArray<RunRef>) => Effect.Effect<void, X>
  readonly add: (run: StoredRun) => StoredRun
  readonly find: (ref: RunRef) => StoredRun | undefined
  readonly apply: (run: StoredRun, transition: Transition, details?: DetailChanges) => StoredRun
}

export interface Families<X> {
  /** Makes the transitions that follow, once. They may mean others. Children beyond the bound stay, and their parent is due. */
  readonly followUp: Effect.Effect<void, X>
}

export const enter = <X>({ add, apply, consequences, find, load, now, rows }: Commit<X>): Families<X> => {
  const { budgets, endedChildren, endedParents } = consequences
  let endable = mostEnded

  /** A parent with as many messages as it may have gets no more, and continues without. */
  const tellParent = (parent: StoredRun, { error, spec, status }: RunState): Effect.Effect<void> => {
    const { child } = spec
    if (child?.tellsParent !== true || !isTerminal(status)) return Effect.void
    return Effect.map(uuidV7, (uuid) => {
      const id = MessageId.make(uuid, { disableValidation: true })
      const { agentId, runId } = spec
      const ended = { runId, index: child.index, agentId, status }
      const send = (about: ChildMessage.EndedChild) => {
        const parts = ChildMessage.toParts(about)
        return Either.map(InboxTransitions.tell(parent.state, { id, parts }, now), (transition) =>
          apply(parent, transition, { messages: [{ id, key: undefined, parts }] }),
        )
      }
      // A message with a long error may be too large: the log has the error of the child anyway.
      if (error === null || Either.isLeft(send({ ...ended, error }))) send(ended)
    })
  }

  /** Leaves out parents that were pruned. */
  const changeParents = Effect.suspend(() => {
    const ended = endedChildren.splice(0)
    const changeParent = ({ child, parent }: (typeof ended)[number]): Effect.Effect<void> => {
      const run = find(parent)
      const { state } = find(child)!
      const changed = run && ChildTransitions.childEnded(run.state, state, now)
      return changed === undefined ? Effect.void : tellParent(apply(run!, changed), state)
    }
    return Effect.zipRight(
      load(ended.map(({ parent }) => parent)),
      Effect.forEach(ended, changeParent, { discard: true }),
    )
  })

  const endChildren = Effect.suspend(() => {
    const over = endedParents.splice(0)
    if (over.length === 0 || endable <= 0) return Effect.void
    return Effect.map(rows.openChildren(over, endable), (found) => {
      endable -= found.length
      for (const run of found.map(add)) {
        const ended = RunTransitions.end(run.state, undefined, parentEnded, now)
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
    const changes = budgets.splice(0)
    if (changes.length === 0) return Effect.void
    const named = changes.flatMap(({ consequence, from }) =>
      consequence._tag === "BudgetRaised"
        ? consequence.runs.map((runId) => ofProject(from, runId))
        : [ofProject(from, consequence.root)],
    )
    return Effect.map(load(named), () => changes.forEach(changeBudget))
  })

  return { followUp: Effect.all([endChildren, changeParents, changeBudgets], { discard: true }) }
}
