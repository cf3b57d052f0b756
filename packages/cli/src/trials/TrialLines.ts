/**
 * Formats the report of a trial, as a table for people and as lines of JSON for machines.
 */
import * as TextDifference from "@runlease/core/TextDifference"
import * as TrialReport from "@runlease/core/TrialReport"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"

/** A pair, and its score by the function of `--score`. */
export interface Scored extends TrialReport.Pair {
  readonly score?: unknown
}

const sideToJson = ({ cost, message, run, seconds, steps, tokens, toolCalls }: TrialReport.Side) => ({
  run_id: run.runId,
  outcome: TrialReport.outcomeOf(run),
  error: run.error?.code ?? null,
  tokens,
  cost,
  seconds,
  steps,
  tool_calls: toolCalls,
  message,
})

const differenceOf = ({ original, trial }: TrialReport.Pair) => {
  const found = original && TextDifference.between(original.message, trial.message)
  return found && { removed: found.removed, added: found.added }
}

/** A pair as a line. `difference` is null where the last messages are equal. */
export const toJson = (pair: Scored) => ({
  type: "pair",
  original: pair.original === undefined ? null : sideToJson(pair.original),
  trial: sideToJson(pair.trial),
  difference: differenceOf(pair) ?? null,
  ...("score" in pair ? { score: pair.score ?? null } : {}),
})

const keys = {
  tokens: "tokens",
  cost: "cost",
  steps: "steps",
  toolCalls: "tool_calls",
  seconds: "seconds",
} as const

const outcomesOf = (sides: ReadonlyArray<TrialReport.Side>) => {
  const counts: Record<string, number> = {}
  for (const { run } of sides) {
    const outcome = TrialReport.outcomeOf(run)
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  return counts
}

const sidesOf = (pairs: ReadonlyArray<Scored>) => ({
  original: pairs.flatMap(({ original }) => original ?? []),
  trial: pairs.map(({ trial }) => trial),
})

/** The medians and totals as a line. */
export const summaryToJson = (pairs: ReadonlyArray<Scored>) => {
  const sides = sidesOf(pairs)
  const of = (side: keyof typeof sides) => ({
    outcomes: outcomesOf(sides[side]),
    ...Object.fromEntries(
      TrialReport.numbers.map((name) => [keys[name], TrialReport.summaryOf(sides[side], name)]),
    ),
  })
  return {
    type: "summary",
    pairs: pairs.length,
    same: pairs.filter((pair) => pair.original !== undefined && differenceOf(pair) === undefined).length,
    original: of("original"),
    trial: of("trial"),
  }
}

const numberText = (value: number | null | undefined): string =>
  value === null || value === undefined ? "-" : String(Math.round(value * 1000) / 1000)

const both = (before: string, after: string): string => (before === after ? after : `${before} -> ${after}`)

const short = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length > 40 ? `${line.slice(0, 39)}…` : line
}

const messageText = (pair: TrialReport.Pair): string => {
  if (pair.original === undefined) return "-"
  const difference = differenceOf(pair)
  return difference === undefined ? "same" : `-[${short(difference.removed)}] +[${short(difference.added)}]`
}

/** A score as text. */
export const scoreText = (score: unknown): string =>
  typeof score === "number"
    ? numberText(score)
    : typeof score === "string"
      ? score
      : JSON.stringify(score ?? null)

/** The report as a table: before and after where they differ. The id of a run of a trial ends with that of its original. */
export const toText = (pairs: ReadonlyArray<Scored>, paint: Output.Paint): string => {
  const isScored = pairs.some((pair) => "score" in pair)
  const headings = ["RUN", "OUTCOME", "TOKENS", "COST", "STEPS", "CALLS", "SECONDS"]
  const score = (text: string) => (isScored ? [text] : [])
  const rows = pairs.map((pair) => {
    const { original, trial } = pair
    return [
      trial.run.runId,
      both(original ? TrialReport.outcomeOf(original.run) : "gone", TrialReport.outcomeOf(trial.run)),
      ...TrialReport.numbers.map((name) => both(numberText(original?.[name]), numberText(trial[name]))),
      ...score(scoreText(pair.score)),
      messageText(pair),
    ]
  })
  const sides = sidesOf(pairs)
  const summary = (kind: "median" | "total") => [
    kind,
    "",
    ...TrialReport.numbers.map((name) =>
      both(
        numberText(TrialReport.summaryOf(sides.original, name)?.[kind]),
        numberText(TrialReport.summaryOf(sides.trial, name)?.[kind]),
      ),
    ),
    ...score(""),
    "",
  ]
  const { same } = summaryToJson(pairs)
  return [
    Output.table(
      [...headings, ...score("SCORE"), "LAST MESSAGE"],
      [...rows, summary("median"), summary("total")],
      paint,
    ),
    `${Phrases.count(pairs.length, "pair")}, ${same} with the same last message`,
  ].join("\n")
}
