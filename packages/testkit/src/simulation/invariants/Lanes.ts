/** Runs of one conversation do not overlap, and go in the order in which they were submitted. */
import { Array } from "effect"
import type { Final, History } from "../History.js"
import { isRefused, named } from "./Calls.js"
import type { Execution } from "./ExecutorSpans.js"
import { instant, type Invariant } from "./Violation.js"

/** A run in its lane, from its first executor to its end. It was accepted between `sentAt` and `knownAt`. */
interface Lifetime {
  readonly run: string
  readonly sentAt: number
  readonly knownAt: number
  readonly begunAt: number
  readonly endedAt: number
}

const lifetimesOf = (
  history: History,
  executions: ReadonlyArray<Execution>,
): ReadonlyArray<ReadonlyArray<Lifetime>> => {
  const begun = new Map<string, number>()
  for (const { from, run } of executions.toReversed()) begun.set(run, from)
  const finals = new Map(history.final.map((final) => [final.run, final]))
  const submitted = named(history, "Submit").flatMap((submit) => {
    const { conversation, run } = submit.request
    return conversation === undefined || !finals.has(run) ? [] : [{ conversation, run, submit }]
  })
  const byLane = Array.groupBy(submitted, ({ conversation }) => conversation)
  return Object.values(byLane).map((ofLane) =>
    Object.entries(Array.groupBy(ofLane, ({ run }) => run)).map(([run, requests]): Lifetime => {
      const final: Final = finals.get(run)!
      return {
        run,
        sentAt: Math.min(...requests.map(({ submit }) => submit.sentAt)),
        knownAt: Math.min(
          ...requests.map(({ submit: { received } }) =>
            received === undefined || isRefused(received.answer) ? Number.POSITIVE_INFINITY : received.at,
          ),
        ),
        begunAt: begun.get(run) ?? Number.POSITIVE_INFINITY,
        endedAt: final.finishedAt ?? Number.POSITIVE_INFINITY,
      }
    }),
  )
}

const overlap = (a: Lifetime, b: Lifetime): ReadonlyArray<string> => {
  const begun = Math.max(a.begunAt, b.begunAt)
  return Number.isFinite(begun) && begun < Math.min(a.endedAt, b.endedAt)
    ? [
        `runs ${a.run} and ${b.run} of one conversation overlap: they were begun at ${instant(a.begunAt)} and ` +
          `${instant(b.begunAt)}, and ended at ${instant(a.endedAt)} and ${instant(b.endedAt)}`,
      ]
    : []
}

const overtaken = (first: Lifetime, later: Lifetime): ReadonlyArray<string> =>
  first.knownAt < later.sentAt && later.begunAt < first.endedAt
    ? [
        `run ${later.run} was begun at ${instant(later.begunAt)}, before run ${first.run} had ended, which was submitted earlier`,
      ]
    : []

/** @category invariants */
export const lanesKeepOrder: Invariant = {
  name: "lanes-keep-order",
  holds: "runs of one conversation do not overlap, and go in the order in which they were submitted",
  broken: (history, executions) =>
    lifetimesOf(history, executions).flatMap((lane) =>
      lane.flatMap((a, index) =>
        lane.slice(index + 1).flatMap((b) => [...overlap(a, b), ...overtaken(a, b), ...overtaken(b, a)]),
      ),
    ),
}
