/** What a store has counted of the runs of a history, next to what these runs add up to. */
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import type { AgentId } from "@runlease/core/Ids"
import type { InvalidCursor } from "@runlease/core/Page"
import { isTerminal, type Run } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import type { Activity, AgentCounts, Statistics } from "@runlease/core/Statistics"
import * as Histogram from "@runlease/core/internal/Histogram"
import { Effect } from "effect"

/** Both as text. */
export interface Comparison {
  readonly counted: string
  readonly ofRuns: string
}

const statuses = ["pending", "running", "waiting", "completed", "failed", "cancelled"] as const

/** The number of values of each kind, in the order of the kinds. */
const tally = (values: ReadonlyArray<string>): string =>
  Array.from(new Set(values))
    .sort()
    .map((value) => `${value} ${values.filter((each) => each === value).length}`)
    .join(", ")

const format = (counts: {
  readonly runs: AgentCounts["runs"]
  readonly submitted: number
  readonly claimed: number
  readonly failures: string
  readonly ended: number
  readonly started: number
}): string => JSON.stringify(counts)

const ofRuns = (runs: ReadonlyArray<Run>): string => {
  const count = (is: (run: Run) => boolean) => runs.filter(is).length
  const inStatus = (status: Run["status"]) => count((run) => run.status === status)
  const [pending, running, waiting, completed, failed, cancelled] = statuses.map(inStatus)
  return format({
    runs: {
      pending: pending!,
      running: running!,
      waiting: waiting!,
      completed: completed!,
      failed: failed!,
      cancelled: cancelled!,
    },
    submitted: runs.length,
    claimed: runs.reduce((total, { leaseEpoch }) => total + leaseEpoch, 0),
    failures: tally(
      runs.flatMap(({ error, status }) => (status === "failed" ? [error?.code ?? "no code"] : [])),
    ),
    ended: count(({ status }) => isTerminal(status)),
    started: count(({ startedAt, status }) => isTerminal(status) && startedAt !== null),
  })
}

const counted = (counts: AgentCounts | undefined, activity: Activity | undefined): string => {
  const failures = activity?.failures ?? []
  const { cancelled = 0, completed = 0, failed = 0 } = activity?.ended ?? {}
  const claimed = activity?.claimed ?? 0
  const picked = Histogram.size(activity?.pickUp ?? [])
  return format({
    runs: counts?.runs ?? { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 },
    submitted: activity?.submitted ?? 0,
    // Each claim has one time.
    claimed: claimed === picked ? claimed : -1,
    failures: tally(
      failures.flatMap(({ code, count }) => Array.from({ length: count }, () => code ?? "no code")),
    ),
    ended: completed + failed + cancelled,
    started: Histogram.size(activity?.runTime ?? []),
  })
}

/** The runs of a history, of which there are fewer than a page has. */
const runsOf = (agentId: AgentId) =>
  Effect.flatMap(Runs, (runs) => Effect.map(runs.list({ agentId, limit: 100 }), ({ items }) => ofRuns(items)))

/** Time may change a run between two reads, so the runs are read again until they are the same before and after. */
export const compare = (
  statistics: Statistics["Type"],
  agentId: AgentId,
): Effect.Effect<Comparison, ControlPlaneError | InvalidCursor, Runs> =>
  Effect.gen(function* () {
    const before = yield* runsOf(agentId)
    const [counts] = yield* statistics.counts({ agentId })
    const [activity] = yield* statistics.agents({ step: "hour", last: 1500, agentId })
    const after = yield* runsOf(agentId)
    return before === after
      ? { counted: counted(counts, activity), ofRuns: after }
      : yield* compare(statistics, agentId)
  })
