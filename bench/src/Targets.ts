/** The targets of the figures, and whether they are met. */
import { Effect } from "effect"
import type { Part } from "./Figures.js"
import { Scale, type Sizes } from "./Scale.js"
import type { Summary } from "./Statistics.js"

/**
 * `atLeast` and `atMost` are of the figure, or of its ratio to the row `beside`. `noWorse`: the median is no worse than
 * the worst round of the row `beside`; better figures are `lower` or `higher`.
 */
type Bound =
  | { readonly atLeast: number }
  | { readonly atMost: number }
  | { readonly noWorse: "lower" | "higher" }

interface Target {
  readonly work: string
  readonly part: string
  readonly row: string
  readonly column: string
  /** Of several rows it is the best. */
  readonly beside?: string | ReadonlyArray<string>
  readonly bound: Bound
  readonly unit?: string
}

export interface Verdict {
  readonly work: string
  /** A figure, or the ratio of two figures. */
  readonly figure: string
  readonly value: number | null
  readonly reach: string
  /** A figure is absent where the machine cannot measure it, and not measured without the commit before. */
  readonly result: "met" | "not met" | "absent" | "not measured"
}

const rate = (backend: string, beside: string, atLeast: number, slots = ""): Target => ({
  work: `No-op runs, ${backend}`,
  part: "throughput",
  row: `${backend}: Runlease${slots}`,
  column: "rate",
  beside,
  bound: { atLeast },
})

const overNetwork = (backend: string, atLeast: number): Target => ({
  work: `No-op runs over the network, ${backend}`,
  part: "throughput",
  row: `${backend}: Runlease over the network`,
  column: "rate",
  beside: `${backend}: Runlease`,
  bound: { atLeast },
})

const cpu = (row: string, atMost: number): Target => ({
  work: "No-op runs, SQLite normal",
  part: "throughput",
  row,
  column: "client",
  bound: { atMost },
  unit: "µs of CPU",
})

const pickUp = (row: string, beside: string, atMost: number): Target => ({
  work: "Pick-up at idle",
  part: "pickup",
  row,
  column: "picked up, p50",
  beside,
  bound: { atMost },
})

const acknowledged = (row: string, before: string): ReadonlyArray<Target> =>
  ["p50", "p99"].map((quantile) => ({
    work: "Submissions",
    part: "pickup",
    row,
    column: `acknowledged, ${quantile}`,
    beside: before,
    bound: { noWorse: "lower" },
  }))

const steps = (row: string, column: string, beside: string, bound: Bound): Target => ({
  work: "Durable steps",
  part: "steps",
  row,
  column,
  beside,
  bound,
})

const events = (backend: string): Target => ({
  work: "Events",
  part: "events",
  row: `${backend}: Runlease`,
  column: "rate",
  beside: `${backend}: Runlease before`,
  bound: { noWorse: "higher" },
})

const streaming = (row: string, column: string, atMost: number, unit: string): Target => ({
  work: "A delta to its reader",
  part: "streaming",
  row,
  column,
  bound: { atMost },
  unit,
})

const claims = (backend: string, many: string): ReadonlyArray<Target> =>
  ["pending", "finished"].map((what) => ({
    work: "A claim",
    part: "claims",
    row: `${backend}: ${many} ${what}`,
    column: "claimed, p50",
    beside: `${backend}: 1,000 pending`,
    bound: { atMost: 1.2 },
  }))

const limited = (backend: string, keyed: number): ReadonlyArray<Target> =>
  [keyed / 100, keyed].map((keys) => ({
    work: "A claim of a run whose key has a limit",
    part: "limits",
    row: `${backend}: ${keys.toLocaleString("en-US")} keys`,
    column: "claimed, p50",
    beside: `${backend}: 1 key`,
    bound: { atMost: 1.5 },
  }))

const agent = (row: string, column: string, atMost: number): Target => ({
  work: "Agents that stream",
  part: "agent",
  row,
  column,
  beside: ["Redis: BullMQ and streams", "PostgreSQL: DBOS", "Restate"],
  bound: { atMost },
})

const stores = ["SQLite normal", "PostgreSQL"]

const overTheNetwork = ["PostgreSQL: Runlease over the network", "SQLite full: Runlease over the network"]

type Amounts = Pick<Sizes, "backlog" | "keyed">

const targets = ({ backlog, keyed }: Amounts): ReadonlyArray<Target> => [
  rate("SQLite normal", "SQLite normal: plainjob", 0.8),
  rate("SQLite normal", "SQLite normal: plainjob", 1, ", 100 slots"),
  rate("SQLite full", "SQLite full: plainjob", 4),
  rate("PostgreSQL", "PostgreSQL: pg-boss, 24 slots", 1),
  rate("PostgreSQL", "PostgreSQL: graphile-worker, batched completion", 1.2),
  rate("PostgreSQL", "Redis: BullMQ, fsync always", 0.8),
  rate("PostgreSQL", "PostgreSQL: pg-boss, 100 slots", 0.9, ", 100 slots"),
  rate("PostgreSQL", "Redis: BullMQ, fsync always, 100 slots", 1, ", 100 slots"),
  rate("PostgreSQL", "PostgreSQL: pg-boss", 0.6, ", 500 ahead"),
  overNetwork("SQLite normal", 0.7),
  overNetwork("PostgreSQL", 0.8),
  cpu("SQLite normal: Runlease", 100),
  cpu("SQLite normal: Runlease, 100 slots", 80),
  pickUp("PostgreSQL: Runlease", "PostgreSQL: graphile-worker", 0.8),
  pickUp("PostgreSQL: Runlease over the network", "PostgreSQL: graphile-worker", 1.5),
  ...stores.flatMap((store) => [
    ...acknowledged(`${store}: Runlease`, `${store}: Runlease before`),
    ...acknowledged(`${store}: Runlease over the network`, `${store}: Runlease over the network, before`),
  ]),
  steps("PostgreSQL: Runlease", "rate", "PostgreSQL: DBOS", { atLeast: 1 }),
  steps("PostgreSQL: Runlease", "one run", "PostgreSQL: DBOS", { atLeast: 1 }),
  steps("PostgreSQL: Runlease", "rate", "Restate", { atLeast: 1.2 }),
  ...overTheNetwork.map((row) => steps(row, "rate", "Restate", { atLeast: 1 })),
  ...["PostgreSQL: Runlease", ...overTheNetwork].map((row) =>
    steps(row, "a step, p50", "Restate", { atMost: 1 }),
  ),
  ...["PostgreSQL: Runlease", "PostgreSQL: Runlease over the network"].map((row): Target => ({
    work: "A durable step without events of its own",
    part: "steps",
    row,
    column: "appends",
    bound: { atMost: 1 },
    unit: "appends",
  })),
  ...stores.flatMap((store) => [
    streaming(`${store}: 200 × 20/s`, "p50", 8, "ms"),
    streaming(`${store}: 200 × 20/s`, "p99", 40, "ms"),
    streaming(`${store}: 200 × 20/s`, "server's loop", 70, "% busy"),
    streaming(`${store}: 400 × 20/s`, "dropped", 0, "deltas"),
    streaming(`${store}: 400 × 20/s`, "p50", 100, "ms"),
  ]),
  {
    work: "A delta to 200 viewers",
    part: "streaming",
    row: "SQLite normal: 1 × 20/s, 200 viewers",
    column: "server",
    beside: "SQLite normal: 1 × 20/s, 200 viewers, before",
    bound: { noWorse: "lower" },
  },
  ...["PostgreSQL", "SQLite normal", "SQLite full"].map(events),
  ...stores.flatMap((store) => claims(store, backlog.toLocaleString("en-US"))),
  ...stores.flatMap((store) => limited(store, keyed)),
  ...["SQLite full: Runlease", "PostgreSQL: Runlease"].flatMap((row) => [
    agent(row, "CPU", 0.8),
    agent(row, "delta, p99", 0.8),
    agent(row, "paid again", 1),
  ]),
]

const isMet = (bound: Bound, own: Summary, other: Summary | undefined): boolean => {
  const value = own.median / (other?.median ?? 1)
  if ("atLeast" in bound) return value >= bound.atLeast
  if ("atMost" in bound) return value <= bound.atMost
  if (other === undefined) return false
  return bound.noWorse === "lower" ? own.median <= other.highest : own.median >= other.lowest
}

const reachOf = (bound: Bound, unit: string): string => {
  if ("atLeast" in bound) return `≥ ${bound.atLeast} ${unit}`
  return "atMost" in bound ? `≤ ${bound.atMost} ${unit}` : "no worse"
}

const besideOf = ({ beside = [] }: Target): ReadonlyArray<string> =>
  typeof beside === "string" ? [beside] : beside

interface Figure {
  readonly name: string
  readonly summary: Summary | null | undefined
}

/** The best of the figures that were measured, else the first. */
const bestOf = (bound: Bound, figures: ReadonlyArray<Figure>): Figure | undefined => {
  const isHigher = "atLeast" in bound || ("noWorse" in bound && bound.noWorse === "higher")
  const costOf = ({ summary }: Figure) =>
    summary == null ? Number.POSITIVE_INFINITY : isHigher ? -summary.median : summary.median
  return figures.reduce<Figure | undefined>(
    (best, figure) => (best === undefined || costOf(figure) < costOf(best) ? figure : best),
    undefined,
  )
}

const verdict = (target: Target, { rows }: Part): Verdict => {
  const { bound, column, row, unit = "×", work } = target
  const figureOf = (name: string): Figure => ({
    name,
    summary: rows.find((candidate) => candidate.name === name)?.figures[column],
  })
  const own = figureOf(row).summary
  const beside = bestOf(bound, besideOf(target).map(figureOf))
  const other = beside?.summary
  const shared = {
    work,
    figure: beside === undefined ? `${row}, ${column}` : `${row} ÷ ${beside.name}, ${column}`,
    reach: reachOf(bound, unit),
  }
  if (own === null || other === null) return { ...shared, value: null, result: "absent" }
  if (own === undefined || (beside !== undefined && other === undefined)) {
    return { ...shared, value: null, result: "not measured" }
  }
  return {
    ...shared,
    value: own.median / (other?.median ?? 1),
    result: isMet(bound, own, other) ? "met" : "not met",
  }
}

/** The parts that have targets. */
export const parts: ReadonlySet<string> = new Set(targets({ backlog: 0, keyed: 0 }).map(({ part }) => part))

/** Whether a row of a part is measured: in small sizes only those that the targets need. */
export const isMeasured = (part: string): Effect.Effect<(row: string) => boolean, never, Scale> =>
  Effect.map(Scale, ({ backlog, keyed, targetsOnly }) => {
    const needed = new Set(
      targets({ backlog, keyed }).flatMap((target) =>
        target.part === part ? [target.row, ...besideOf(target)] : [],
      ),
    )
    return (row) => !targetsOnly || needed.has(row)
  })

/** The verdicts of the measured parts. */
export const verdicts = (
  measured: Readonly<Record<string, Part>>,
  amounts: Amounts,
): ReadonlyArray<Verdict> =>
  targets(amounts).flatMap((target) => {
    const part = measured[target.part]
    return part === undefined ? [] : [verdict(target, part)]
  })
