/** Faults of limits. */
import { Limits } from "@runlease/core/Limits"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import { replace } from "./Fault.js"

/** Lets one run more of each concurrency key work than its submission allows. */
export const oneMore = replace(Runs, (runs) => ({
  ...runs,
  submit: (submission) =>
    runs.submit({
      ...submission,
      ...(submission.concurrencyLimit === undefined
        ? {}
        : { concurrencyLimit: submission.concurrencyLimit + 1 }),
    }),
}))

/** Acknowledges a pause, and lets runs start all the same. */
export const lostPause = replace(Limits, (limits) => ({
  ...limits,
  pause: (subject) => Effect.zipLeft(limits.pause(subject), limits.resume(subject)),
}))

/** Counts a run that works for ever. */
export const leakedPlace = replace(Limits, (limits) => ({
  ...limits,
  list: (page) =>
    Effect.map(limits.list(page), ({ items, next }) => ({
      next,
      items: items.map((limit) => ({ ...limit, running: limit.running + 1 })),
    })),
}))
