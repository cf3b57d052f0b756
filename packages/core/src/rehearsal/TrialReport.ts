/**
 * What a trial shows: each of its runs with its original, and the totals of both.
 *
 * Source: docs/decisions/0161-trials.md
 */
import { Array as Arr, DateTime, Effect, Option, Order, Predicate } from "effect"
import * as Ids from "../model/Ids.js"
import * as LastMessage from "../model/LastMessage.js"
import { EventId, isTerminal, type Run } from "../model/Run.js"
import * as TreeBudget from "../model/TreeBudget.js"
import * as Trial from "../model/Trial.js"
import { type LogEntry, maxReadLimit, RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"

/** One run of a pair. `seconds`: from its first claim to its end. `message`: the last one that the agent wrote, or its result where it wrote none. */
export interface Side {
  readonly run: Run
  readonly tokens: number
  readonly cost: number
  readonly steps: number
  readonly toolCalls: number
  readonly seconds: number | null
  readonly message: string
}

/** A run of a trial and its original, which may be gone. */
export interface Pair {
  readonly original: Side | undefined
  readonly trial: Side
}

/** The numbers of a side that medians and totals are of. */
export const numbers = ["tokens", "cost", "steps", "toolCalls", "seconds"] as const
export type NumberName = (typeof numbers)[number]

const secondsOf = ({ finishedAt, startedAt }: Run): number | null =>
  startedAt === null || finishedAt === null ? null : DateTime.distance(startedAt, finishedAt) / 1000

const textOf = (result: unknown): string =>
  result == null ? "" : Predicate.isString(result) ? result : JSON.stringify(result)

/** Reads the log of a run. */
export const sideOf = (run: Run) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const message = LastMessage.collector()
    const calls = new Set<unknown>()
    let spent: TreeBudget.Budget = TreeBudget.begin({})
    let after: EventId | undefined = EventId.make(0)
    while (after !== undefined) {
      const page: ReadonlyArray<LogEntry> = yield* log.read({
        runId: run.runId,
        after,
        limit: maxReadLimit,
      })
      const events = page.map(({ event }) => event)
      for (const event of events) {
        message.next(event)
        if (event.type === "TOOL_CALL_START") calls.add(event["toolCallId"])
      }
      spent = TreeBudget.spend(spent, TreeBudget.ofEvents(events) ?? {})
      after = page.at(-1)?.eventId
    }
    const { cost, steps, tokens } = spent.spent
    return {
      run,
      tokens,
      cost,
      steps,
      toolCalls: calls.size,
      seconds: secondsOf(run),
      message: message.text() || textOf(run.result),
    } satisfies Side
  })

/** The runs of the trial without their children, the oldest first. */
const runsOf = (name: string) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const all: Array<Run> = []
    let cursor: string | undefined
    do {
      const page: { readonly items: ReadonlyArray<Run>; readonly next: string | null } = yield* runs.list({
        labels: { [Trial.nameLabel]: name },
        oldestFirst: true,
        limit: 100,
        cursor,
      })
      all.push(
        ...page.items.filter(({ labels, parentRunId }) => parentRunId === null && Trial.isTrial(labels)),
      )
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return all
  })

const pairOf = (run: Run) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const original = yield* runs.get(Ids.RunId.make(run.labels[Trial.runLabel]!)).pipe(
      Effect.flatMap(sideOf),
      Effect.catchTag("RunNotFound", () => Effect.succeed(undefined)),
    )
    return { original, trial: yield* sideOf(run) } satisfies Pair
  })

/** The pairs of a trial. */
export const pairs = (name: string) =>
  Effect.flatMap(runsOf(name), (all) => Effect.forEach(all, pairOf, { concurrency: 8 }))

/** How a run has ended, or what it waits for. */
export const outcomeOf = ({ status, waiting }: Run): string => {
  if (isTerminal(status) || waiting === null) return status
  return waiting.budget === true || waiting.interrupts.some(({ id }) => TreeBudget.isQuestionId(id))
    ? "budget spent"
    : status
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = Arr.sort(values, Order.number)
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!
}

/** The median and the total of a number over some sides; null where none has it. */
export const summaryOf = (sides: ReadonlyArray<Side>, name: NumberName) => {
  const values = sides.flatMap((side) => Option.toArray(Option.fromNullable(side[name])))
  return values.length === 0
    ? null
    : {
        median: median(values),
        total: Number.parseFloat(values.reduce((sum, one) => sum + one, 0).toFixed(3)),
      }
}
