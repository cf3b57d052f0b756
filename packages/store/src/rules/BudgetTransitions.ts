/**
 * The part of the state machine in which a tree of runs spends its budget. The root of the tree has the ledger.
 *
 * A run that waits for the budget is named in the ledger. So one state says whether it continues, and no order of its wait and of a
 * raise loses the wake-up.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0063-budgets.md
 */
import * as ControlEvents from "@runlease/core/ControlEvents"
import type * as Ids from "@runlease/core/Ids"
import type { Answer, Interrupt } from "@runlease/core/Interrupt"
import { isTerminal, type Waiting } from "@runlease/core/Run"
import * as Budget from "@runlease/core/TreeBudget"
import { Option, Schema } from "effect"
import type { RunState } from "./RunState.js"
import { fail, resumeRun, transition, type Transition } from "./Transition.js"

const unitOf: Readonly<Record<keyof Budget.Limits, string>> = {
  tokens: "tokens",
  cost: "millionths",
  steps: "steps",
  seconds: "seconds",
  runs: "runs",
}

const schemaOf = {
  type: "object",
  properties: Object.fromEntries(Object.keys(unitOf).map((name) => [name, { type: "integer", minimum: 1 }])),
}

/** The question of a root whose budget is spent. */
const question = ({ budget, latestEventId }: RunState): Interrupt => {
  const { limits, spent } = budget!
  const used = Budget.reached(budget!).map(
    (name) => `${Math.ceil(spent[name])} of ${limits[name]} ${unitOf[name]}`,
  )
  return {
    id: Budget.questionId(latestEventId),
    reason: "budget",
    message: `The budget is spent: ${used.join(", ")}. Give higher limits, or decline to end the run`,
    responseSchema: schemaOf,
  }
}

/** Whether the run requests a higher budget instead of another wait. */
export const mustAsk = ({ budget, status }: RunState): boolean =>
  budget !== null && Budget.isReached(budget) && (status === "waiting" || status === "running")

/** The wait of a root that requests a higher budget. */
export const asking = (state: RunState): Waiting => ({
  interrupts: [question(state)],
  answers: [],
  expiresAt: null,
})

/** The root after what its tree has spent. It requests a higher budget where a limit is reached and it waits for no person. */
export const spent = (root: RunState, more: Partial<Budget.Spent>, now: number): Transition => {
  const budget = { ...Budget.spend(root.budget!, more), waiting: root.budget!.waiting }
  const after: RunState = { ...root, budget, updatedAt: isTerminal(root.status) ? root.updatedAt : now }
  const { log, spec, waiting } = after
  if (waiting === null || waiting.interrupts.length > 0 || !mustAsk(after)) return transition(after)
  const nextWait = asking(after)
  return transition({ ...after, waiting: nextWait }, ControlEvents.suspended(spec, log, nextWait))
}

/** The root after one of the runs below it has begun to wait for the budget. */
export const awaited = (root: RunState, run: Ids.RunId): Transition => {
  const budget = root.budget!
  // A run that waits for something else too may have waited before.
  const waiting = [...budget.waiting.filter((other) => other !== run), run]
  return transition({ ...root, budget: { ...budget, waiting } })
}

/** A run that has waited for the budget resumes; undefined when it does not wait for it. */
export const raised = (state: RunState, now: number): Transition | undefined =>
  state.status === "waiting" && state.waiting?.budget === true ? resumeRun(state, now) : undefined

const decodeLimits = Schema.decodeUnknownOption(Budget.Limits)

/** The answer to the question of a root about its budget; undefined when it has no such question. */
export const answerOf = (
  { budget, waiting }: Pick<RunState, "budget" | "waiting">,
  answers: ReadonlyArray<Answer>,
): Answer | undefined => {
  // A worker may set any reason for its own question.
  const interrupt =
    budget === null ? undefined : waiting?.interrupts.find(({ id }) => Budget.isQuestionId(id))
  return interrupt && answers.findLast(({ interruptId }) => interruptId === interrupt.id)
}

/** The root after an answer: it resumes with higher limits, and those below it with it. Without limits it fails. */
export const answered = (root: RunState, { isError, payload, status }: Answer, now: number): Transition => {
  const limits =
    status === "cancelled" || isError === true
      ? undefined
      : Option.getOrUndefined(
          Option.filter(decodeLimits(payload), (raised) => Object.keys(raised).length > 0),
        )
  if (limits === undefined) {
    const message = `${question(root).message?.split(".")[0]}, and it was not raised`
    return fail(root, { code: "budget_spent", message }, now)
  }
  const { limits: before, spent: so, waiting } = root.budget!
  const after: RunState = { ...root, budget: { limits: { ...before, ...limits }, spent: so, waiting: [] } }
  const gone = resumeRun(after, now)
  return waiting.length === 0
    ? gone
    : { ...gone, consequences: [...gone.consequences, { _tag: "BudgetRaised", runs: waiting }] }
}
