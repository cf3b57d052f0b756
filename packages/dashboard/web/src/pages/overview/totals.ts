/** Sums of the statistics of a project. */
import type * as Json from "@runlease/http/Json"
import type { Span } from "../../api/project"

export type SpanName = "hour" | "day" | "week"

interface SpanChoice extends Span {
  readonly label: string
  /** As a sentence has it: "in the last hour". */
  readonly words: string
}

export const spans: Readonly<Record<SpanName, SpanChoice>> = {
  hour: { step: "minute", last: 60, label: "1 hour", words: "last hour" },
  day: { step: "hour", last: 24, label: "24 hours", words: "last 24 hours" },
  week: { step: "hour", last: 168, label: "7 days", words: "last 7 days" },
}

export const spanNames = Object.keys(spans) as ReadonlyArray<SpanName>

export const isSpanName = (name: string | undefined): name is SpanName =>
  name !== undefined && Object.hasOwn(spans, name)

type Status = keyof Json.ProjectStatistics["counts"][number]["runs"]

/** The runs that there are, by status. */
export const countsOf = ({ counts }: Json.ProjectStatistics): Record<Status, number> => {
  const all = { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }
  for (const { runs } of counts) {
    for (const status of Object.keys(all) as Array<Status>) all[status] += runs[status]
  }
  return all
}

export interface Totals {
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly ended: number
  readonly tokens: number
  readonly cost: number
}

export const totalsOf = ({ periods }: Json.ProjectStatistics): Totals => {
  const totals = { completed: 0, failed: 0, cancelled: 0, tokens: 0, cost: 0 }
  for (const { cost, ended, tokens } of periods) {
    totals.completed += ended.completed
    totals.failed += ended.failed
    totals.cancelled += ended.cancelled
    totals.tokens += tokens
    totals.cost += cost
  }
  return { ...totals, ended: totals.completed + totals.failed + totals.cancelled }
}

export const endedOf = ({ ended }: { readonly ended: Json.Period["ended"] }): number =>
  ended.completed + ended.failed + ended.cancelled

/** How many runs ended in a period, on average: of the periods that are over. */
export const rateOf = ({ periods }: Json.ProjectStatistics): number => {
  const over = periods.slice(0, -1)
  return over.length === 0 ? 0 : over.reduce((sum, period) => sum + endedOf(period), 0) / over.length
}

export interface Failures {
  /** Null: the error has no code. */
  readonly code: string | null
  readonly count: number
}

/** Failed runs by the code of their error, the most frequent first. */
export const failuresOf = (
  parts: ReadonlyArray<{ readonly failures: ReadonlyArray<Failures> }>,
): ReadonlyArray<Failures> => {
  const byCode = new Map<string | null, number>()
  for (const { failures } of parts) {
    for (const { code, count } of failures) byCode.set(code, (byCode.get(code) ?? 0) + count)
  }
  return Array.from(byCode, ([code, count]) => ({ code, count })).toSorted((a, b) => b.count - a.count)
}

type AgentActivity = Json.ProjectStatistics["agents"][number]

/** The share of an agent's ended runs that failed. */
export const failedShare = (agent: AgentActivity): number => {
  const ended = endedOf(agent)
  return ended === 0 ? 0 : agent.ended.failed / ended
}

const tolerated = 0.05

/** Of fewer ended runs a share says nothing. */
const leastEnded = 20

export const failsOften = (agent: AgentActivity): boolean =>
  endedOf(agent) >= leastEnded && failedShare(agent) > tolerated

/** Agents by their ended runs, the busiest first. */
export const busiestFirst = (agents: ReadonlyArray<AgentActivity>): ReadonlyArray<AgentActivity> =>
  agents.toSorted((a, b) => endedOf(b) - endedOf(a) || b.submitted - a.submitted)
