/**
 * How many runs of a limit may wait for their first start (`maxPending`), and what its clients see of it.
 *
 * A submission counts until a worker claims its run for the first time, wherever it waits. So a run that waits for an answer or for its next
 * attempt does not count. Those that may start at once do not count either: with `maxPending` 0 a run is accepted if it may start now.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0106-rates.md
 */
import type { LimitUse } from "@runlease/core/Limits"
import { bound, countOf, isFresh, type LimitUsage, tokens } from "./LimitRules.js"
import * as RateRules from "./RateRules.js"
import { instantOrNull, type RunState } from "./RunState.js"

/** How many runs may start at once, besides those that a worker has had before. Without a bound and a rate that says nothing: none. */
const startable = (usage: LimitUsage, now: number): number => {
  const most = Math.min(bound(usage) - usage.running - usage.open + usage.freshOpen, tokens(usage, now))
  return Number.isFinite(most) ? Math.max(0, most) : 0
}

/** Whether the limit takes no further run. */
export const isFull = (usage: LimitUsage, now: number): boolean =>
  usage.maxPending !== null && usage.fresh >= usage.maxPending + startable(usage, now)

/** What decides about a limit, once these of its runs have ended. */
export const withoutRuns = (usage: LimitUsage, runs: ReadonlyArray<RunState>): LimitUsage => {
  const counted = runs.flatMap((run) => {
    const count = countOf(run, usage.limit)
    return count === undefined ? [] : [{ count, fresh: isFresh(run) }]
  })
  const fresh = counted.filter((run) => run.fresh)
  const isOpen = ({ count }: (typeof counted)[number]) => count === "open"
  return {
    ...usage,
    running: usage.running - counted.filter(({ count }) => count === "running").length,
    open: usage.open - counted.filter(isOpen).length,
    fresh: usage.fresh - fresh.length,
    freshOpen: usage.freshOpen - fresh.filter(isOpen).length,
  }
}

/** Without a rate, nothing says when a run may be submitted again. */
const pauseSeconds = 5

/** After how many seconds a submission that was refused may be sent again: once there is a further token. */
export const retryAfterSeconds = (usage: LimitUsage, now: number): number => {
  const { rate, tat } = usage
  const more = rate === null ? null : RateRules.availableAt(rate, tat, tokens(usage, now) + 1)
  return more === null ? pauseSeconds : Math.max(1, Math.ceil((more - now) / 1000))
}

/** When the rate next lets a run start that no worker has had; null where it does now, and without a rate. */
const nextStartAt = ({ rate, tat }: LimitUsage, now: number): number | null =>
  rate === null || RateRules.tokens(rate, tat, now) > 0 ? null : RateRules.availableAt(rate, tat, 1)

/** What is set of a limit, and what runs under it, as its clients see it. */
export const useOf = (usage: LimitUsage, now: number): Omit<LimitUse, "open"> => ({
  maxRunning: usage.maxRunning,
  rate: usage.rate,
  maxPending: usage.maxPending,
  paused: usage.paused,
  running: usage.running,
  waiting: usage.behind,
  pending: usage.fresh,
  nextStartAt: instantOrNull(nextStartAt(usage, now)),
})
