/** What the pages of trials show of a trial, of a pair of runs, and of all pairs together. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../../format/numbers"

/** The labels of a run of a trial: the name of the trial, the original run, and the score. */
export const labels = { trial: "trial", original: "trial_of", score: "trial_score" } as const

export interface Pair {
  readonly trial: Json.RunSummary
  /** Undefined where it was deleted. */
  readonly original: Json.RunSummary | undefined
}

/** An edit, as far as the page says what it is. */
interface Edit {
  readonly type: string
  readonly agent_id?: string
  readonly step?: string
}

/** What a trial is of, as its bulk operation says it. */
export type Trial = NonNullable<Json.Bulk["trial"]> & { readonly edits?: ReadonlyArray<Edit> | null }

const editWords = ({ agent_id: agent = "", step = "", type }: Edit): string => {
  switch (type) {
    case "agent":
      return `agent ${agent}`
    case "step":
      return `step ${step}`
    case "tool":
      return "the result of a tool call"
    case "text":
      return "the text of an answer"
    default:
      return `the ${type}`
  }
}

/** `the message, agent writer`; `nothing` where the runs have no edits. */
export const editsWords = ({ edits }: Pick<Trial, "edits">): string =>
  (edits ?? []).map(editWords).join(", ") || "nothing"

/** The edits as JSON; undefined where the runs have none. */
export const editsTitle = ({ edits }: Pick<Trial, "edits">): string | undefined =>
  edits == null || edits.length === 0 ? undefined : JSON.stringify(edits, null, 2)

/** `2,000,000 tokens` */
export const budgetWords = ({ budget }: Pick<Trial, "budget">): string =>
  Object.entries(budget)
    .map(([name, limit]) => `${integer(limit ?? 0)} ${name}`)
    .join(", ")

/** Where the results of tools come from, or that calls are made or refused. */
export const toolsWords = { recorded: "from the log", live: "called", refuse: "refused" } as const

const isBudget = (interrupt: object): boolean =>
  (interrupt as { readonly reason?: unknown }).reason === "budget"

/** Whether a run waits for a higher budget. */
export const isSpent = ({ waiting }: Json.RunSummary): boolean =>
  waiting !== null && (waiting.budget || waiting.interrupts.some(isBudget))

export const isOver = ({ status }: Json.RunSummary): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"

/** From its first claim to its end; undefined where it has not ended. */
export const tookMillis = ({ finished_at: end, started_at: start }: Json.RunSummary): number | undefined =>
  start === null || end === null ? undefined : Date.parse(end) - Date.parse(start)

export const scoreOf = ({ labels: own }: Json.RunSummary): string | undefined => own[labels.score]

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!
}

export interface Sum {
  readonly median: number
  readonly total: number
}

/** Of the runs that have the number; undefined where none has. */
export const sumOf = (
  runs: ReadonlyArray<Json.RunSummary>,
  numberOf: (run: Json.RunSummary) => number | undefined,
): Sum | undefined => {
  const values = runs.flatMap((run) => numberOf(run) ?? [])
  return values.length === 0
    ? undefined
    : { median: median(values), total: values.reduce((sum, value) => sum + value, 0) }
}

/** The mean of the scores that are numbers; undefined where a score is none, or no run has one. */
export const meanScore = (runs: ReadonlyArray<Json.RunSummary>): number | undefined => {
  const scores = runs.flatMap((run) => scoreOf(run) ?? []).map(Number)
  return scores.length === 0 || scores.some(Number.isNaN)
    ? undefined
    : scores.reduce((sum, score) => sum + score, 0) / scores.length
}
