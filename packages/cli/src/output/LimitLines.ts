/**
 * How limits are printed.
 */
import type { Limits } from "@runlease/core"
import * as LimitWire from "@runlease/http/LimitWire"
import { Duration, Schema } from "effect"

/** A limit as the API shows it. */
export const toJson = Schema.encodeSync(LimitWire.Limit)

/** A limit with a name as the API shows it. */
export const toNamed = Schema.encodeSync(LimitWire.NamedLimit)

/** A rate as its flag takes it: `10/1m`. */
export const rateText = ({ count, periodSeconds }: Limits.Rate): string =>
  `${count}/${Duration.format(Duration.seconds(periodSeconds)).replaceAll(" ", "")}`

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
