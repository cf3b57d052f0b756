/**
 * What a tree of runs may spend, and what it has spent.
 *
 * Source: docs/decisions/0063-budgets.md
 */
import { Option, Predicate, Schema } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import * as Count from "./Count.js"
import * as StepRecord from "./StepRecord.js"
import * as TokenUsage from "./TokenUsage.js"

const Amount = Schema.optional(Schema.Positive.pipe(Schema.int()))

/**
 * The most that a run and those below it may spend together; what is absent has no limit.
 *
 * `tokens`: input and output of models. `cost`: in millionths of whatever the reports of usage count in. `steps`: recorded steps,
 * answers of a model among them. `seconds`: under lease, those of runs at once added up. `runs`: the run itself among them.
 */
export const Limits = Schema.Struct({
  tokens: Amount,
  cost: Amount,
  steps: Amount,
  seconds: Amount,
  runs: Amount,
})
export type Limits = typeof Limits.Type

/** The id of the question of a run whose budget is spent, after an event. Only a question of the control plane has such an id. */
export const questionId = (eventId: number): string => `budget-${eventId}`

/** Whether an id is that of a question about a budget. */
export const isQuestionId = (interruptId: string): boolean => /^budget-\d+$/.test(interruptId)

const Spending = Schema.NonNegative

/** What was spent, in the units of the limits. */
export const Spent = Schema.Struct({
  tokens: Spending,
  cost: Spending,
  steps: Spending,
  seconds: Spending,
  runs: Spending,
})
export type Spent = typeof Spent.Type

export const Budget = Schema.Struct({ limits: Limits, spent: Spent })
export type Budget = typeof Budget.Type

/** A tree of one run that has done nothing yet. */
export const begin = (limits: Limits): Budget => ({
  limits,
  spent: { tokens: 0, cost: 0, steps: 0, seconds: 0, runs: 1 },
})

const names = ["tokens", "cost", "steps", "seconds", "runs"] as const

/** Adds what was spent since. */
export const spend = ({ limits, spent }: Budget, more: Partial<Spent>): Budget => {
  const sum = { ...spent }
  for (const name of names) sum[name] = Count.add(sum[name], more[name] ?? 0)
  return { limits, spent: sum }
}

export const reached = ({ limits, spent }: Budget): ReadonlyArray<keyof Limits> =>
  names.filter((name) => spent[name] >= (limits[name] ?? Number.POSITIVE_INFINITY))

/** Whether a limit is reached: then nothing more is begun. */
export const isReached = (budget: Budget): boolean => reached(budget).length > 0

/** The cost of a report of usage; 0 where it has none. */
export const costOf = ({ value }: LogEvent): number => {
  const cost = Predicate.isRecord(value) ? value["cost"] : undefined
  return typeof cost === "number" && Number.isSafeInteger(cost) && cost > 0 ? cost : 0
}

/** The tokens of a report of usage: input and output. */
export const tokensOf = ({ inputTokens = 0, outputTokens = 0 }: TokenUsage.TokenUsage): number =>
  Count.add(inputTokens, outputTokens)

/** What the events of a run spend: reports of usage, and records of steps that replace no other. */
export const ofEvents = (events: ReadonlyArray<LogEvent>): Partial<Spent> | undefined => {
  const sum = { tokens: 0, cost: 0, steps: 0 }
  for (const event of events) {
    if (event.type !== "CUSTOM") continue
    if (event["name"] === StepRecord.stepEventName && StepRecord.isProgress(event)) sum.steps += 1
    const usage = Option.getOrUndefined(TokenUsage.fromEvent(event))
    if (usage === undefined) continue
    sum.tokens = Count.add(sum.tokens, tokensOf(usage))
    sum.cost = Count.add(sum.cost, costOf(event))
  }
  return sum.tokens + sum.cost + sum.steps === 0 ? undefined : sum
}
