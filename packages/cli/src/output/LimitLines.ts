/**
 * How limits are printed.
 */
import type { Limits } from "@runlease/core"
import * as LimitWire from "@runlease/http/LimitWire"
import { Duration, Schema } from "effect"

/** A limit as the API shows it. */
export const toJson = Schema.encodeSync(LimitWire.Limit)

const toNamed = Schema.encodeSync(LimitWire.NamedLimit)

/** A limit that is defined as the API shows it. */
export const toDefined = (limit: Limits.DefinedLimit) =>
  limit.use === null ? toNamed(limit) : toJson(limit.use)

/** A rate as its flag takes it: `10/1m`. */
export const rateText = ({ count, periodSeconds }: Limits.Rate): string =>
  `${count}/${Duration.format(Duration.seconds(periodSeconds)).replaceAll(" ", "")}`

export const allowed = ({ maxPending, maxRunning, paused, rate }: Limits.Limit): ReadonlyArray<string> => [
  paused ? "paused" : (maxRunning?.toString() ?? ""),
  rate === null ? "" : rateText(rate),
  maxPending?.toString() ?? "",
]

/** The flags that name a subject, and what a sentence calls it. */
export const namesOf = ({ key, kind, name: named }: Limits.LimitSubject) => {
  if (kind === "project") return { called: "the project", flags: "--all" }
  const flags = kind === "agent" ? `--agent ${key}` : named === null ? key : `--limit ${named}=${key}`
  return { called: key, flags }
}

/** What a limit that is defined allows, in a sentence. */
export const sentence = ({
  bounds: { maxPending, maxRunning, rate },
  of,
  use,
}: Limits.DefinedLimit): string => {
  if (of.kind !== "named") {
    const waiting = of.kind === "project" || use === null ? "" : `, ${use.waiting} wait for a place`
    return `At most ${maxRunning} runs of ${namesOf(of).called} work at once. ${use?.running ?? 0} work now${waiting}`
  }
  const { agentIds, keyFrom, name } = of
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
