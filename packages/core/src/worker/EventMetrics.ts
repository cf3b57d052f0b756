/**
 * Counts what becomes of runs in a worker, and the tokens that their executors report.
 *
 * @since 0.1.0
 */
import { Option } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import * as Meter from "../model/Meter.js"
import * as TokenUsage from "../model/TokenUsage.js"
import type { WorkerEvent } from "./WorkerEvent.js"
import * as WorkerMetrics from "./WorkerMetrics.js"

const byReason = Meter.label("reason")
const byOutcome = Meter.label("outcome")
const byTypeAndModel = Meter.labels("type", "model")

const outcomes = {
  Retrying: byOutcome("retrying"),
  Suspended: byOutcome("suspended"),
  Paused: byOutcome("paused"),
  Released: byOutcome("released"),
  LeaseEnded: byOutcome("lease_ended"),
}

/** Counts what has become of a run. */
export const countEnd = (event: WorkerEvent): void => {
  switch (event._tag) {
    case "Ended":
      return WorkerMetrics.runs.add(1, byOutcome(event.status))
    case "LeaseEnded":
      WorkerMetrics.leasesLost.add(1, byReason(event.reason.toLowerCase()))
      return WorkerMetrics.runs.add(1, outcomes.LeaseEnded)
    case "Retrying":
    case "Suspended":
    case "Paused":
    case "Released":
      return WorkerMetrics.runs.add(1, outcomes[event._tag])
  }
}

const tokenTypes = {
  inputTokens: "input",
  outputTokens: "output",
  reasoningTokens: "reasoning",
  cachedInputTokens: "cached_input",
  cacheWriteInputTokens: "cache_write_input",
} as const

/** Counts the tokens that an event reports, if it reports some. */
export const countTokens = (event: LogEvent): void => {
  if (event.type !== "CUSTOM" || event["name"] !== TokenUsage.eventName) return
  const usage = Option.getOrUndefined(TokenUsage.fromEvent(event))
  for (const field of TokenUsage.counts) {
    const count = usage?.[field]
    if (count !== undefined)
      WorkerMetrics.tokens.add(count, byTypeAndModel(tokenTypes[field], usage?.model ?? "unknown"))
  }
}
