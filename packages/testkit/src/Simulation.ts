/**
 * A simulation of a control plane, workers and clients on a network: messages get lost, late, doubled and out of order, processes stop and
 * die, and clocks drift. All of it follows from a seed, so each history can be played again.
 *
 * A history is judged by `HistoryChecker`. Of a plan that breaks an invariant the search finds a shorter one that does.
 */
import { Effect, Exit } from "effect"
import * as HistoryChecker from "./HistoryChecker.js"
import * as HistoryText from "./simulation/HistoryText.js"
import type { Plan } from "./simulation/Plan.js"
import * as PlanGenerator from "./simulation/PlanGenerator.js"
import * as Shrinking from "./simulation/Shrinking.js"
import type { Subject } from "./simulation/Subject.js"
import * as World from "./simulation/World.js"

export type { Subject } from "./simulation/Subject.js"
export type * from "./simulation/Plan.js"

/**
 * `Passed`: no history broke an invariant. `Broken`: the history of `seed` did. `plan` is the smallest that was found for it, after `tries`,
 * and `history` what happened.
 */
export type Report =
  | { readonly _tag: "Passed"; readonly seeds: number; readonly calls: number; readonly executions: number }
  | {
      readonly _tag: "Broken"
      readonly seeds: number
      readonly seed: number
      readonly tries: number
      readonly plan: Plan
      readonly history: HistoryChecker.History
      readonly violations: ReadonlyArray<HistoryChecker.Violation>
    }

/** `from` is the first seed, 1 when absent. `progress` is called after each seed that broke nothing. */
export interface Options {
  readonly seeds: number
  readonly from?: number | undefined
  readonly progress?: ((seed: number) => Effect.Effect<void>) | undefined
}

/** How many plans a search for a smaller one plays at most. */
const maxTries = 500

/** Plays a plan, and returns its history. */
export const play = <E>(subject: Subject<E>, plan: Plan): Effect.Effect<HistoryChecker.History, E> =>
  Effect.flatten(Effect.promise(() => World.play(subject, plan)))

export const planOf: (seed: number) => Plan = PlanGenerator.make

/** Plays the seeds one after the other until one of them breaks an invariant. */
export const search = Effect.fn("Simulation.search")(function* <E>(
  subject: Subject<E>,
  options: Options,
): Effect.fn.Return<Report, E> {
  const from = options.from ?? 1
  let calls = 0
  let executions = 0
  for (let seeds = 1; seeds <= options.seeds; seeds += 1) {
    const seed = from + seeds - 1
    const plan = planOf(seed)
    const history = yield* play(subject, plan)
    const [first] = HistoryChecker.violations(history)
    if (first !== undefined) {
      const isBroken = async (smaller: Plan): Promise<boolean> => {
        const exit = await World.play(subject, smaller)
        return (
          Exit.isSuccess(exit) &&
          HistoryChecker.violations(exit.value).some(({ invariant }) => invariant === first.invariant)
        )
      }
      const shrunk = yield* Effect.promise(() => Shrinking.shrink(plan, isBroken, maxTries))
      const shortest = yield* play(subject, shrunk.plan)
      const violations = HistoryChecker.violations(shortest)
      return { _tag: "Broken", seeds, seed, ...shrunk, history: shortest, violations }
    }
    calls += history.calls.length
    executions += history.incidents.filter(({ _tag }) => _tag === "ExecutorBegan").length
    if (options.progress !== undefined) yield* options.progress(seed)
  }
  return { _tag: "Passed", seeds: options.seeds, calls, executions }
})

/** The report as text for a console. `again` is the command that plays a seed again. */
export const show = (name: string, report: Report, again: (seed: number) => string): string => {
  if (report._tag === "Passed") {
    const { calls, executions, seeds } = report
    return `${name}: ${seeds} seeds with ${calls} calls and ${executions} executions broke nothing`
  }
  const { history, plan, seed, tries, violations } = report
  return [
    `${name}: seed ${seed} breaks an invariant; the shortest plan of ${tries} tries:`,
    "",
    ...HistoryText.planLines(plan).map((line) => `  ${line}`),
    "",
    ...HistoryText.historyLines(history).map((line) => `  ${line}`),
    "",
    ...violations.map(({ invariant, sentence }) => `  ${invariant}: ${sentence}`),
    "",
    `Play it again: ${again(seed)}`,
  ].join("\n")
}
