/** At no time do two executors work on one run, and none works after its lease. */
import { Array } from "effect"
import type { History } from "../History.js"
import { accepted, named } from "./Calls.js"
import { type Execution, overlap } from "./ExecutorSpans.js"
import { instant, type Invariant } from "./Violation.js"

const overlaps = (executions: ReadonlyArray<Execution>): ReadonlyArray<string> => {
  const byRun = Object.values(Array.groupBy(executions, ({ run }) => run))
  return byRun.flatMap((ofRun) =>
    ofRun.flatMap((first, index) =>
      ofRun.slice(index + 1).flatMap((second) =>
        first.spans.flatMap((a) =>
          second.spans.flatMap((b) => {
            // A process that was suspended with its clock learns from the store only that it has lost its lease.
            if (overlap(a, b) <= 0 || a.isUnaware || b.isUnaware) return []
            return [
              `run ${a.run} was executed by ${a.process} (epoch ${a.epoch}) and by ${b.process} (epoch ${b.epoch}) at ` +
                `once, from ${instant(Math.max(a.from, b.from))} to ${instant(Math.min(a.to, b.to))}`,
            ]
          }),
        ),
      ),
    ),
  )
}

/** The end of each lease, by run and epoch: what the store has granted, whether or not an answer arrived. */
const leaseEnds = (history: History): ReadonlyMap<string, number> => {
  const ends = new Map<string, number>()
  const extend = (run: string, epoch: number | null, to: number): void => {
    const lease = `${run} ${epoch}`
    ends.set(lease, Math.max(to, ends.get(lease) ?? 0))
  }
  for (const { answer } of accepted(history, "Claim")) {
    for (const { epoch, expiresAt, run } of answer.grants) extend(run, epoch, expiresAt)
  }
  for (const { answer } of accepted(history, "Renew")) {
    for (const { epoch, expiresAt, run } of answer.renewals) extend(run, epoch, expiresAt ?? 0)
  }
  return ends
}

const outlived = (history: History, executions: ReadonlyArray<Execution>): ReadonlyArray<string> => {
  // A history without claims does not say when leases end.
  if (named(history, "Claim").length === 0) return []
  const ends = leaseEnds(history)
  return executions.flatMap(({ epoch, run, spans }) => {
    const end = ends.get(`${run} ${epoch}`) ?? 0
    const late = spans.find(({ from, isUnaware, to }) => to > end && from < to && !isUnaware)
    return late === undefined
      ? []
      : [
          `${late.process} executed run ${run} (epoch ${epoch}) until ${instant(late.to)}; its lease ended at ${instant(end)}`,
        ]
  })
}

/** @category invariants */
export const oneHolder: Invariant = {
  name: "one-holder",
  holds: "at no time do two workers hold one run, and a holder stops before its lease ends",
  broken: (history, executions) => [...overlaps(executions), ...outlived(history, executions)],
}
