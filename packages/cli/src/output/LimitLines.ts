/**
 * How limits are printed.
 */
import type { Limits } from "@runlease/core"
import { DateTime, Duration } from "effect"

const rateJson = (rate: Limits.Rate | null) =>
  rate && { count: rate.count, period_seconds: rate.periodSeconds, burst: rate.burst }

/** A limit as the wire has it. */
export const toJson = (limit: Limits.Limit) => ({
  kind: limit.kind,
  name: limit.name,
  key: limit.key,
  max_running: limit.maxRunning,
  rate: rateJson(limit.rate),
  max_pending: limit.maxPending,
  paused: limit.paused,
  running: limit.running,
  open: limit.open,
  waiting: limit.waiting,
  pending: limit.pending,
  next_start_at: limit.nextStartAt && DateTime.formatIso(limit.nextStartAt),
})

/** A limit with a name as the wire has it. */
export const toNamed = ({ agentIds, keyFrom, maxPending, maxRunning, name, rate }: Limits.NamedLimit) => ({
  name,
  max_running: maxRunning,
  rate: rateJson(rate),
  max_pending: maxPending,
  ...(agentIds === undefined ? {} : { agent_ids: agentIds }),
  ...(keyFrom === undefined ? {} : { key_from: keyFrom }),
})

/** A rate as its flag takes it: `10/1m`. */
export const rateText = ({ count, periodSeconds }: Limits.Rate): string =>
  `${count}/${Duration.format(Duration.seconds(periodSeconds)).replaceAll(" ", "")}`

/** The columns of what a limit allows. */
export const allowed = ({ maxPending, maxRunning, paused, rate }: Limits.Limit): ReadonlyArray<string> => [
  paused ? "paused" : (maxRunning?.toString() ?? ""),
  rate === null ? "" : rateText(rate),
  maxPending?.toString() ?? "",
]

/** What a limit with a name allows, in a sentence. */
export const sentence = ({
  agentIds,
  keyFrom,
  maxPending,
  maxRunning,
  name,
  rate,
}: Limits.NamedLimit): string => {
  const keys = `of each key of ${name}`
  const parts = [
    ...(maxRunning === null ? [] : [`At most ${maxRunning} runs ${keys} work at once.`]),
    ...(rate === null
      ? []
      : [
          `${rate.count} runs ${keys} start in ${Duration.format(Duration.seconds(rate.periodSeconds))}, up to ${rate.burst} at once.`,
        ]),
    ...(maxPending === null ? [] : [`At most ${maxPending} runs ${keys} wait for their start.`]),
    ...(agentIds === undefined
      ? []
      : [
          `New runs of ${agentIds.join(", ")} are under it, by the key ${keyFrom === undefined ? "all" : `at ${keyFrom}`}.`,
        ]),
  ]
  return parts.join(" ")
}
