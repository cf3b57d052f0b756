/**
 * The rows of counters: what each commit adds for an agent, and the sums of these.
 *
 * A commit only adds rows, so that commits of several servers never wait for each other. Two rows of one key mean their sum:
 * a store adds them up when it likes.
 *
 * Source: docs/decisions/0053-counters-of-runs.md
 */
import type * as Ids from "@runlease/core/Ids"
import * as Counters from "../rules/Counters.js"
import type { RunState } from "../rules/RunState.js"

const minuteMillis = 60_000

/** The length of a period in milliseconds. */
export const stepMillis = { minute: minuteMillis, hour: 60 * minuteMillis } as const

/** How long a period is. */
export type Step = keyof typeof stepMillis

/** The beginning of the period that an instant is in. */
export const startOf = (step: Step, instant: number): number => instant - (instant % stepMillis[step])

/** What one commit adds to the counters of an agent. `minute` is the beginning of its minute. */
export interface CounterDelta {
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
  readonly minute: number
  readonly counters: Counters.Counters
}

/**
 * Counters of an agent: of a minute or an hour that begins at `start`, or since `ever`, with a `start` of 0. Those since ever
 * are only the runs in each status.
 */
export interface CounterSum {
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
  readonly step: Step | "ever"
  readonly start: number
  readonly counters: Counters.Counters
}

export const keyOf = ({ agentId, projectId, start, step }: Omit<CounterSum, "counters">): string =>
  `${projectId} ${step} ${start} ${agentId}`

const isStatus = ([name]: readonly [string, number]): boolean => name.startsWith("status.")

/** The sums that a delta goes into. */
export const sumsOf = (delta: CounterDelta): ReadonlyArray<CounterSum> => {
  const { agentId, counters, minute, projectId } = delta
  const statuses = Object.fromEntries(Object.entries(counters).filter(isStatus))
  const of = { projectId, agentId }
  return [
    { ...of, step: "ever", start: 0, counters: statuses },
    { ...of, step: "minute", start: minute, counters },
    { ...of, step: "hour", start: startOf("hour", minute), counters },
  ]
}

/** One sum for each key. */
export const addUp = (sums: Iterable<CounterSum>): ReadonlyArray<CounterSum> => {
  const byKey = new Map<string, Array<CounterSum>>()
  for (const sum of sums) {
    const others = byKey.get(keyOf(sum))
    if (others === undefined) byKey.set(keyOf(sum), [sum])
    else others.push(sum)
  }
  return Array.from(byKey.values(), (same) => ({
    ...same[0]!,
    counters: Counters.sum(same.map(({ counters }) => counters)),
  }))
}

/** Counts what a commit does to runs. */
export interface CommitCounters {
  readonly inserted: (state: RunState) => void
  readonly changed: (before: RunState, after: RunState) => void
  readonly deleted: (run: Pick<RunState["spec"], "projectId" | "agentId">, status: RunState["status"]) => void
  /** What was counted since it was read last. */
  readonly take: () => ReadonlyArray<CounterDelta>
}

/** `now` is the instant of the commit. */
export const make = (now: number): CommitCounters => {
  const minute = startOf("minute", now)
  let deltas = new Map<string, CounterDelta & { readonly counters: Record<string, number> }>()

  const adderOf = ({ agentId, projectId }: Pick<RunState["spec"], "projectId" | "agentId">): Counters.Add => {
    const key = `${projectId} ${agentId}`
    let delta = deltas.get(key)
    if (delta === undefined) deltas.set(key, (delta = { projectId, agentId, minute, counters: {} }))
    const { counters } = delta
    return (name, by) => {
      counters[name] = (counters[name] ?? 0) + by
    }
  }

  return {
    inserted: (state) => Counters.inserted(adderOf(state.spec), state, now),
    changed: (before, after) => Counters.changed(adderOf(after.spec), before, after, now),
    deleted: (run, status) => adderOf(run)(Counters.statusName(status), -1),
    take: () => {
      const drained = deltas.values()
      deltas = new Map()
      const taken: Array<CounterDelta> = []
      for (const delta of drained) {
        const counters = Counters.ofCommit(delta.counters)
        if (counters !== undefined) taken.push({ ...delta, counters })
      }
      return taken
    },
  }
}
