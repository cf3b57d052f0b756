/** The port `Statistics`, over the counters of a store. */
import type { Histogram } from "@runlease/core/Histogram"
import type * as Ids from "@runlease/core/Ids"
import {
  type Activity,
  type AgentCounts,
  maxPeriods,
  type PeriodActivity,
  type Periods,
  type Statistics,
} from "@runlease/core/Statistics"
import { DateTime, Effect } from "effect"
import * as Counters from "../rules/Counters.js"
import { type CounterSum, startOf, stepMillis } from "../rows/CounterRows.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"

/** The counters of a group that begin with a prefix, by what follows it. */
const named = (counters: Counters.Counters, prefix: string): ReadonlyArray<readonly [string, number]> =>
  Object.entries(counters).flatMap(([name, count]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), count] as const] : [],
  )

const histogramOf = (counters: Counters.Counters, prefix: string): Histogram =>
  named(counters, prefix)
    .map(([bucket, count]) => ({ bucket: Number(bucket), count }))
    .toSorted((a, b) => a.bucket - b.bucket)

const activityOf = (sums: ReadonlyArray<CounterSum>): Activity => {
  const counters = Counters.sum(sums.map((sum) => sum.counters))
  const of = (name: string) => counters[name] ?? 0
  return {
    submitted: of("submitted"),
    claimed: of("claimed"),
    ended: {
      completed: of("ended.completed"),
      failed: of("ended.failed"),
      cancelled: of("ended.cancelled"),
    },
    failures: named(counters, "failure.")
      .map(([code, count]) => ({ code: code === "" ? null : code, count }))
      .toSorted((a, b) => b.count - a.count),
    pickUp: histogramOf(counters, "pickUp."),
    runTime: histogramOf(counters, "runTime."),
    tokens: of("tokens"),
    cost: of("cost"),
  }
}

/** The runs that are pending and running at the end of a period. */
type Unfinished = Pick<PeriodActivity, "pending" | "running">

const inStatus = (sums: ReadonlyArray<CounterSum>, status: keyof Unfinished): number =>
  sums.reduce((total, { counters }) => total + (counters[Counters.statusName(status)] ?? 0), 0)

const unfinishedOf = (sums: ReadonlyArray<CounterSum>): Unfinished => ({
  pending: inStatus(sums, "pending"),
  running: inStatus(sums, "running"),
})

/** The numbers at the beginning of a time in which they changed by so much. */
const minus = (after: Unfinished, changes: Unfinished): Unfinished => ({
  pending: after.pending - changes.pending,
  running: after.running - changes.running,
})

const groupBy = <K extends string | number>(
  sums: ReadonlyArray<CounterSum>,
  key: (sum: CounterSum) => K,
): ReadonlyMap<K, ReadonlyArray<CounterSum>> => {
  const groups = new Map<K, Array<CounterSum>>()
  for (const sum of sums) {
    const group = groups.get(key(sum))
    if (group === undefined) groups.set(key(sum), [sum])
    else group.push(sum)
  }
  return groups
}

const byAgent = <A>(
  sums: ReadonlyArray<CounterSum>,
  make: (agentId: Ids.AgentId, sums: ReadonlyArray<CounterSum>) => A,
): ReadonlyArray<A> =>
  Array.from(groupBy(sums, ({ agentId }) => agentId))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([agentId, group]) => make(agentId, group))

const countsOf = (agentId: Ids.AgentId, sums: ReadonlyArray<CounterSum>): AgentCounts => {
  const counters = Counters.sum(sums.map((sum) => sum.counters))
  const of = (status: keyof AgentCounts["runs"]) => counters[Counters.statusName(status)] ?? 0
  return {
    agentId,
    runs: {
      pending: of("pending"),
      running: of("running"),
      waiting: of("waiting"),
      completed: of("completed"),
      failed: of("failed"),
      cancelled: of("cancelled"),
    },
  }
}

/** The periods, of which the last is the one of `now`. How many are pending and running follows from what has changed since. */
const periodsOf = (sums: ReadonlyArray<CounterSum>, { step }: Periods, first: number, now: number) => {
  const [ever, during] = [sums.filter((sum) => sum.step === "ever"), sums.filter((sum) => sum.step === step)]
  const starts = groupBy(during, ({ start }) => start)
  const current = startOf(step, now)
  let atEnd = minus(unfinishedOf(ever), unfinishedOf(during.filter(({ start }) => start > current)))
  const periods = []
  for (let start = current; start >= first; start -= stepMillis[step]) {
    const of = starts.get(start) ?? []
    periods.push({ start: DateTime.unsafeMake(start), ...atEnd, ...activityOf(of) })
    atEnd = minus(atEnd, unfinishedOf(of))
  }
  return periods.toReversed()
}

export const ofProject = <X>(store: RunStore<X>, projectId: Ids.ProjectId): Statistics["Type"] => {
  const { reads } = store
  const { read } = StoreReads.reading(store)

  /** The sums of these periods, with the instant of the read. */
  const during = ({ agentId, last, step }: Periods) =>
    Effect.flatMap(reads.now, (now) => {
      const periods = Math.min(Math.max(1, Math.floor(last)), maxPeriods)
      const first = startOf(step, now) - (periods - 1) * stepMillis[step]
      return Effect.map(reads.counters(projectId, { agentId, periods: { step, first } }), (sums) => ({
        sums,
        first,
        now,
      }))
    })

  return {
    counts: ({ agentId } = {}) =>
      Effect.map(
        read("Statistics.counts", ({ counters }) => counters(projectId, { agentId })),
        (sums) =>
          byAgent(sums, countsOf).filter(({ runs }) => Object.values(runs).some((count) => count > 0)),
      ),
    periods: (request) =>
      Effect.map(
        read("Statistics.periods", () => during(request)),
        ({ first, now, sums }) => periodsOf(sums, request, first, now),
      ),
    agents: (request) =>
      Effect.map(
        read("Statistics.agents", () => during(request)),
        ({ sums }) =>
          byAgent(
            sums.filter(({ step }) => step !== "ever"),
            (agentId, of) => ({ agentId, ...activityOf(of) }),
          ),
      ),
  }
}
