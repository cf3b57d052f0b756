/** What stores measure. docs/telemetry.md lists it for readers. */
import * as Meter from "@runlease/core/Meter"
import { Effect, MetricLabel } from "effect"
import * as LimitKey from "../rules/LimitKey.js"
import type { EndedClaim } from "../rules/RunState.js"
import type { CounterDelta } from "../rows/CounterRows.js"

export const commits = Meter.counter({
  name: "runlease_store_commits_total",
  unit: "{commit}",
  description: "Commits of the store",
})

export const commitFailures = Meter.counter({
  name: "runlease_store_commit_failures_total",
  unit: "{commit}",
  description: "Commits that were undone",
})

export const commitRequests = Meter.histogram(
  {
    name: "runlease_store_commit_requests",
    unit: "{request}",
    description: "How many requests shared a commit",
  },
  [1, 2, 4, 8, 16, 32, 64, 128, 256],
)

export const commitTime = Meter.histogram(
  { name: "runlease_store_commit_seconds", unit: "s", description: "How long a commit took" },
  Meter.seconds,
)

export const submitted = Meter.counter({
  name: "runlease_store_submitted_total",
  unit: "{run}",
  description: "Runs that were submitted",
})

export const claimed = Meter.counter({
  name: "runlease_store_claimed_total",
  unit: "{claim}",
  description: "Claims of runs, each attempt of a run being one",
})

export const pickUp = Meter.histogram(
  {
    name: "runlease_store_pickup_seconds",
    unit: "s",
    description: "From when a run was runnable to its claim",
  },
  Meter.longSeconds,
)

export const ended = Meter.counter({
  name: "runlease_store_ended_total",
  unit: "{run}",
  description: "Runs that ended, by their status",
  labels: ["status"],
  values: ["completed", "failed", "cancelled"],
})

export const claimsEnded = Meter.counter({
  name: "runlease_store_claims_ended_total",
  unit: "{claim}",
  description: "Claims that ended before their runs did, by the reason",
  labels: ["reason"],
  values: ["lease_expired", "released", "retry", "suspended", "waiting"],
})

export const scheduleTicks = Meter.counter({
  name: "runlease_schedule_ticks_total",
  unit: "{tick}",
  description: "Ticks of schedules that began a run",
})

export const scheduleLateness = Meter.histogram(
  {
    name: "runlease_schedule_lateness_seconds",
    unit: "s",
    description: "From when the run of a tick was to begin to the commit that began it",
  },
  Meter.longSeconds,
)

export const scheduleSkipped = Meter.counter({
  name: "runlease_schedule_skipped_total",
  unit: "{tick}",
  description: "Ticks of schedules that began no run, by the reason",
  labels: ["reason"],
  values: ["missed", "overlap"],
})

export const outboxRows = Meter.counter({
  name: "runlease_outbox_rows_total",
  unit: "{row}",
  description: "Rows of the outbox that became runs, and those that were refused",
  labels: ["result"],
  values: ["submitted", "refused"],
})

const byResult = Meter.label("result")

export const countOutbox = (rows: { readonly submitted: number; readonly refused: number }): void => {
  outboxRows.add(rows.submitted, byResult("submitted"))
  outboxRows.add(rows.refused, byResult("refused"))
}

export const webhookAttempts = Meter.counter({
  name: "runlease_webhook_attempts_total",
  unit: "{attempt}",
  description: "Attempts to deliver a message: delivered, failed with another one to come, or the last",
  labels: ["result"],
  values: ["delivered", "failed", "dead"],
})

export const webhookTime = Meter.histogram(
  {
    name: "runlease_webhook_delivery_seconds",
    unit: "s",
    description: "From the event of a message to the answer that accepted it",
  },
  Meter.longSeconds,
)

/** What became of a message by an attempt, or without one. `millis`: from its event until now. */
export interface Attempted {
  readonly status: "pending" | "delivered" | "dead"
  readonly millis: number
}

export const countAttempt = ({ millis, status }: Attempted): void => {
  webhookAttempts.add(1, byResult(status === "pending" ? "failed" : status))
  if (status === "delivered") webhookTime.add(Math.max(0, millis) / 1000)
}

export const limitWait = Meter.histogram(
  {
    name: "runlease_limit_wait_seconds",
    unit: "s",
    description: "From when a run came behind a limit to its place there; zero for one that found room",
    labels: ["kind", "limit"],
  },
  Meter.longSeconds,
)

export const waitingClaims = Meter.gauge({
  name: "runlease_store_waiting_claims",
  unit: "{claim}",
  description: "Claims that wait for a run",
})

export const poolConnections = Meter.gauge({
  name: "runlease_store_pool_connections",
  unit: "{connection}",
  description: "Open connections to PostgreSQL, by whether a statement uses them",
  labels: ["state"],
})

const ofLimit = (limit: string): Meter.Labels => {
  const subject = LimitKey.subjectOf(limit)
  return [MetricLabel.make("kind", subject.kind), MetricLabel.make("limit", LimitKey.withoutKey(subject))]
}

const byReason = Meter.label("reason")
export const byState = Meter.label("state")
const byStatus = Meter.label("status")

export const all: ReadonlyArray<Meter.Meter> = [
  commits,
  commitFailures,
  commitRequests,
  commitTime,
  submitted,
  claimed,
  pickUp,
  ended,
  claimsEnded,
  scheduleTicks,
  scheduleLateness,
  scheduleSkipped,
  outboxRows,
  webhookAttempts,
  webhookTime,
  limitWait,
  waitingClaims,
  poolConnections,
]

type Counted = readonly [meter: Meter.Meter, labels?: ReadonlyArray<MetricLabel.MetricLabel>]

/** The meters of some counters. */
const counted: ReadonlyMap<string, Counted> = new Map<string, Counted>([
  ["submitted", [submitted]],
  ["claimed", [claimed]],
  ["ended.completed", [ended, byStatus("completed")]],
  ["ended.failed", [ended, byStatus("failed")]],
  ["ended.cancelled", [ended, byStatus("cancelled")]],
])

/**
 * What the ticks of one commit came to. `lateness`: of each tick that began a run, in milliseconds. `missed` and `overlap`: the ticks that
 * began none.
 */
export interface Ticks {
  readonly lateness: ReadonlyArray<number>
  readonly missed: number
  readonly overlap: number
}

/** Counts the ticks of a commit that has succeeded. */
export const ticked = ({ lateness, missed, overlap }: Ticks): void => {
  scheduleTicks.add(lateness.length)
  for (const late of lateness) scheduleLateness.add(Math.max(0, late) / 1000)
  scheduleSkipped.add(missed, byReason("missed"))
  scheduleSkipped.add(overlap, byReason("overlap"))
}

/** What one commit did to runs, which counts once it has succeeded. */
export interface CommitMeasure {
  /** Takes note of counters, and returns them. */
  readonly counted: (deltas: ReadonlyArray<CounterDelta>) => ReadonlyArray<CounterDelta>
  readonly claimEnded: (claim: EndedClaim) => void
  /** A run has got its place at a limit, behind which it was for `millis` milliseconds. */
  readonly letIn: (limit: string, millis: number) => void
  readonly publish: Effect.Effect<void>
}

export const ofCommit = (): CommitMeasure => {
  const all: Array<CounterDelta> = []
  const reasons: Array<string> = []
  const waits: Array<readonly [limit: string, millis: number]> = []
  return {
    counted: (deltas) => {
      all.push(...deltas)
      return deltas
    },
    claimEnded: (claim) => void reasons.push(claim.ended),
    letIn: (limit, millis) => void waits.push([limit, millis]),
    publish: Effect.sync(() => {
      for (const { counters } of all) {
        for (const name in counters) {
          const [meter, labels] = counted.get(name) ?? []
          meter?.add(counters[name]!, labels)
        }
      }
      for (const [limit, millis] of waits) limitWait.add(millis / 1000, ofLimit(limit))
      for (const reason of reasons) claimsEnded.add(1, byReason(reason))
    }),
  }
}
