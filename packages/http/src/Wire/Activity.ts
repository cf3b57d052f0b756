/** What the runs of a project add up to. (ours) */
import { Ids, type Statistics } from "@runlease/core"
import * as Histogram from "@runlease/core/Histogram"
import { Schema } from "effect"
import { Timestamp } from "../Wire.js"

const count = Schema.NonNegativeInt
const millis = Schema.NullOr(Schema.Number)

/** How long things took, in milliseconds; null where there were none. An estimate, a tenth off at most. */
const Durations = Schema.Struct({ count, p50_ms: millis, p99_ms: millis })

const fields = {
  submitted: count,
  claimed: count,
  ended: Schema.Struct({ completed: count, failed: count, cancelled: count }),
  failures: Schema.Array(Schema.Struct({ code: Schema.NullOr(Schema.String), count })),
  pick_up: Durations,
  run_time: Durations,
  tokens: count,
  cost: count,
}

/** Runs by status. */
export const CountsByStatus = Schema.Struct({
  pending: count,
  running: count,
  waiting: count,
  completed: count,
  failed: count,
  cancelled: count,
})

export const Period = Schema.Struct({ start: Timestamp, pending: count, running: count, ...fields })

export const ProjectStatistics = Schema.Struct({
  /** The runs that there are, by agent. */
  counts: Schema.Array(Schema.Struct({ agent_id: Ids.AgentId, runs: CountsByStatus })),
  /** The oldest first. */
  periods: Schema.Array(Period),
  /** The same periods, added up for each agent, and for all. */
  agents: Schema.Array(Schema.Struct({ agent_id: Ids.AgentId, ...fields })),
}).annotations({ identifier: "ProjectStatistics" })

const durationsOf = (histogram: Histogram.Histogram) => ({
  count: Histogram.size(histogram),
  p50_ms: Histogram.percentile(histogram, 0.5),
  p99_ms: Histogram.percentile(histogram, 0.99),
})

/** What happened, as the wire has it. */
export const fromActivity = (activity: Statistics.Activity) => ({
  submitted: activity.submitted,
  claimed: activity.claimed,
  ended: activity.ended,
  failures: activity.failures,
  pick_up: durationsOf(activity.pickUp),
  run_time: durationsOf(activity.runTime),
  tokens: activity.tokens,
  cost: activity.cost,
})
