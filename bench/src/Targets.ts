/** The targets of the figures, and whether they are met. */
import type { Part } from "./Figures.js"

interface Target {
  readonly work: string
  readonly part: string
  readonly figure: string
  /** The figure that divides it, if any. */
  readonly beside?: string
  readonly atLeast?: number
  readonly atMost?: number
  readonly unit: string
}

export interface Verdict {
  readonly work: string
  /** A figure, or the ratio of two figures. */
  readonly figure: string
  readonly value: number | null
  readonly reach: string
  /** Null where a figure is absent. */
  readonly met: boolean | null
}

const hand = "by hand, 50 to a commit"

const throughput = (backend: string, atLeast: number, peer: string): ReadonlyArray<Target> => {
  const shared = {
    work: `No-op runs, ${backend}`,
    part: "throughput",
    figure: `${backend}: Runlease`,
    unit: "×",
  }
  return [
    { ...shared, beside: `${backend}: ${hand}`, atLeast },
    { ...shared, beside: peer, atLeast: 1 },
  ]
}

const events = (backend: string): Target => ({
  work: `Events, ${backend}`,
  part: "events",
  figure: `${backend}: Runlease`,
  beside: `${backend}: by hand, 100 to a commit`,
  atLeast: 0.5,
  unit: "×",
})

const overNetwork = (backend: string): Target => ({
  work: `No-op runs over the network, ${backend}`,
  part: "throughput",
  figure: `${backend}: Runlease over the network`,
  beside: `${backend}: Runlease`,
  atLeast: 0.5,
  unit: "×",
})

const streaming = (backend: string): ReadonlyArray<Target> => [
  { work: "A delta to its reader", part: "streaming", figure: `${backend}, p50`, atMost: 60, unit: "ms" },
  { work: "A delta to its reader", part: "streaming", figure: `${backend}, p99`, atMost: 250, unit: "ms" },
  { work: "Deltas dropped", part: "streaming", figure: `${backend}, dropped`, atMost: 0, unit: "" },
]

const claims = (backend: string, many: string): ReadonlyArray<Target> =>
  ["pending", "finished"].map((what) => ({
    work: "A claim",
    part: "claims",
    figure: `${backend}: ${many} ${what}, p50`,
    beside: `${backend}: 1,000 pending, p50`,
    atMost: 1.2,
    unit: "×",
  }))

const targets = (many: string): ReadonlyArray<Target> => [
  ...throughput("PostgreSQL", 0.4, "Redis: BullMQ, fsync always"),
  ...throughput("SQLite normal", 0.3, "SQLite normal: plainjob"),
  ...throughput("SQLite full", 0.3, "SQLite full: plainjob"),
  overNetwork("SQLite normal"),
  overNetwork("PostgreSQL"),
  {
    work: "Pick-up at idle, p50",
    part: "pickup",
    figure: "PostgreSQL: Runlease, p50",
    beside: "PostgreSQL: graphile-worker, p50",
    atMost: 1.2,
    unit: "×",
  },
  {
    work: "Pick-up at idle over the network, p50",
    part: "pickup",
    figure: "PostgreSQL: Runlease over the network, p50",
    atMost: 5,
    unit: "ms",
  },
  events("PostgreSQL"),
  events("SQLite normal"),
  events("SQLite full"),
  ...streaming("SQLite normal"),
  ...streaming("PostgreSQL"),
  ...claims("SQLite normal", many),
  ...claims("PostgreSQL", many),
  { work: "Leases held", part: "holding", figure: "CPU of the worker", atMost: 5, unit: "% of a core" },
  { work: "Leases held", part: "holding", figure: "Latest renewal", atMost: 0.5, unit: "of the lease" },
  ...["heap", "resident"].map((what) => ({
    work: "Runs in flight",
    part: "holding",
    figure: `Memory of the worker, ${what}`,
    atMost: 150,
    unit: "MB above idle",
  })),
]

/** The verdicts of the measured parts. `many` is the size of the long backlog, formatted as in its figures. */
export const verdicts = (
  parts: Readonly<Record<string, Part | null>>,
  many: string,
): ReadonlyArray<Verdict> =>
  targets(many).flatMap((target): ReadonlyArray<Verdict> => {
    const { atLeast = -Infinity, atMost = Infinity, beside, figure, part, unit, work } = target
    const measured = parts[part]
    if (measured === null || measured === undefined) return []
    const medianOf = (name: string): number | undefined =>
      measured.figures.find((candidate) => candidate.name === name)?.value?.median
    const own = medianOf(figure)
    const other = beside === undefined ? 1 : medianOf(beside)
    const value = own === undefined || other === undefined ? null : own / other
    const sign = target.atLeast === undefined ? "≤" : "≥"
    return [
      {
        work,
        figure: beside === undefined ? figure : `${figure} ÷ ${beside}`,
        value,
        reach: `${sign} ${target.atLeast ?? target.atMost} ${unit}`.trim(),
        met: value === null ? null : value >= atLeast && value <= atMost,
      },
    ]
  })
