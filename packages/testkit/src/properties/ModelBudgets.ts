/** Budgets of trees in the model. Only tokens are limited. */
import * as ModelLog from "./ModelLog.js"
import { end, find, resumeRun, replaceRun, type Run, type State, withoutWait } from "./ModelState.js"
import type { Request } from "./Request.js"

/** How many tokens each report of a history has. */
export const tokensOfReport = 10

const isSpent = ({ ledger }: Run): boolean => ledger !== null && ledger.spent >= ledger.limit

/** Whether the run waits for an answer about its budget. */
export const isAsking = ({ waiting }: Run): boolean => waiting[0]?.call.startsWith("budget-") === true

/** Whether a run that begins to wait is to request a higher budget instead. */
export const mustAsk = isSpent

/** A root that requests a higher budget. */
export const requestMore = (run: Run): Run => ({
  ...withoutWait(run),
  status: "waiting",
  waiting: [{ call: `budget-${run.log.entries.length}`, until: null }],
  log: ModelLog.suspend(run.log),
})

/** The state after a run has reported its usage. A root that waits for no person requests more once its budget is spent. */
export const charge = (state: State, run: Run, tokens: number): State => {
  const root = run.budgetRoot === null ? undefined : find(state, run.budgetRoot)
  if (root === undefined || root.ledger === null || tokens === 0) return state
  const charged = { ...root, ledger: { ...root.ledger, spent: root.ledger.spent + tokens } }
  const isRequesting = charged.status === "waiting" && charged.waiting.length === 0 && isSpent(charged)
  return replaceRun(state, isRequesting ? requestMore(charged) : charged)
}

/** The state after a run has begun to wait for its budget. */
export const awaitBudget = (state: State, run: Run): State => {
  const root = run.budgetRoot === null ? undefined : find(state, run.budgetRoot)
  if (root === undefined || root.ledger === null || !run.awaitsBudget) return state
  if (!isSpent(root)) return replaceRun(state, resumeRun(state, run))
  const waiting = [...root.ledger.waiting.filter((each) => each !== run.run), run.run]
  return replaceRun(state, { ...root, ledger: { ...root.ledger, waiting } })
}

/** An answer with a higher budget lets the root go on, and the runs that wait for it. */
export const raise = (
  state: State,
  request: Extract<Request, { _tag: "Raise" }>,
): readonly [State, string] => {
  const root = find(state, request.run)
  if (root === undefined) return [state, "RunNotFound"]
  if (root.ledger === null || root.waiting[0]?.call !== request.call) {
    return [state, root.answers[request.call] === request.tokens ? "Duplicate" : "NotWaiting"]
  }
  const { ledger } = root
  const after: Run = {
    ...resumeRun(state, root),
    answers: { ...root.answers, [request.call]: request.tokens },
    ledger: { ...ledger, limit: request.tokens, waiting: [] },
  }
  return [
    ledger.waiting.reduce(
      (each, number) => {
        const run = find(each, number)
        return run?.awaitsBudget === true ? replaceRun(each, resumeRun(each, run)) : each
      },
      replaceRun(state, after),
    ),
    "Resumed",
  ]
}

/** A root that gets an answer without a limit fails. */
export const decline = (state: State, run: Run): Run => end(state, run, "failed", "budget_spent")
