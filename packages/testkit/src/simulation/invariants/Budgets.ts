/** A tree of runs has spent what the logs of its runs report. */
import type { Event } from "../History.js"
import { valueOf } from "./Tokens.js"
import type { Invariant } from "./Violation.js"

/**
 * What events report to be spent.
 *
 * @category reading
 */
export const costOf = (events: ReadonlyArray<Event>): number =>
  events.reduce((sum, event) => {
    const cost = valueOf(event, "runlease.usage")?.["cost"]
    return typeof cost === "number" ? sum + cost : sum
  }, 0)

/** @category invariants */
export const budgetsAreExact: Invariant = {
  name: "budgets-are-exact",
  holds: "a tree of runs has spent what its logs report, each report once",
  broken: ({ final }) =>
    final.flatMap(({ run, spent }) => {
      if (spent === undefined) return []
      const reported = final
        .filter(({ root }) => root === run)
        .reduce((sum, { log }) => sum + costOf(log.map(({ event }) => event)), 0)
      return reported === spent
        ? []
        : [`the tree of run ${run} has spent ${spent}, and its logs report ${reported}`]
    }),
}
