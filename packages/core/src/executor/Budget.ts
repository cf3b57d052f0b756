/**
 * The budget of a tree of runs, as its executors use it.
 *
 * ```ts
 * yield* Budget.check
 * const answer = yield* Step.run("answer", ask)
 * yield* Budget.spend({ inputTokens: 1200, outputTokens: 80, cost: 4_100 })
 * ```
 *
 * What an executor has begun is not stopped by a budget, so a tree may spend more by what each of its runs has in hand.
 *
 * Source: docs/decisions/0063-budgets.md
 */
import { Effect, Schedule } from "effect"
import * as TokenUsage from "../model/TokenUsage.js"
import { isReached } from "../model/TreeBudget.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { Runs } from "../ports/Runs.js"
import * as Emit from "./Emit.js"
import type * as Step from "./Step.js"
import { StepLog } from "./StepLog.js"
import { failed } from "./StepRecording.js"
import { looking, unlessOnce } from "./CurrentStep.js"

/** How often a wait that stays in the worker looks at the budget. */
const pause = Schedule.spaced("1 second")

const wait = { name: "budget", what: "A check of the budget" }

/**
 * Waits while a limit of the budget is reached: without a worker, once nothing else of the run is in flight. The root of the tree has
 * a question for higher limits meanwhile. A run without a budget does not wait.
 *
 * Fails: `StepError`, with reason `nested` inside a step that happens at most once, also in a run without a budget.
 */
export const check: Effect.Effect<void, Step.StepError, StepLog | Runs> = Effect.gen(function* () {
  const attempt = (yield* StepLog).steps()
  const { budgetRoot } = attempt
  yield* unlessOnce(wait.name, wait.what)
  if (budgetRoot === undefined) return
  const runs = yield* Runs
  const { look: isSpent, within } = yield* looking(
    attempt,
    wait,
    Effect.mapBoth(retryUnavailable(runs.get(budgetRoot)), {
      onSuccess: ({ budget }) => budget !== undefined && isReached(budget),
      onFailure: ({ message }) => failed("budget", "unavailable", `The budget cannot be read: ${message}`),
    }),
  )
  if (!(yield* isSpent)) return
  yield* attempt.park(
    within,
    { budget: true },
    Effect.repeat(isSpent, { schedule: pause, while: (spent) => spent }),
  )
})

/**
 * Reports what a request used. It is charged to the budget of the tree, and counts in the usage of the run.
 *
 * Units: `cost` in millionths.
 */
export const spend = ({
  cost,
  ...usage
}: TokenUsage.TokenUsage & { readonly cost?: number }): Effect.Effect<void, never, Emit.Emit> =>
  Emit.event(TokenUsage.toEvent(usage, cost === undefined ? {} : { cost }))
