/** A run that waits holds nothing: no executor, no lease, no slot. */
import type { History } from "../History.js"
import { accepted } from "./Calls.js"
import type { Execution } from "./ExecutorSpans.js"
import { instant, type Invariant } from "./Violation.js"

/** Executors that work on after their run was suspended, until it is claimed again. */
const workingOn = (history: History, executions: ReadonlyArray<Execution>): ReadonlyArray<string> =>
  accepted(history, "Suspend").flatMap(({ at, call: { request } }) =>
    executions
      .filter(({ epoch, run }) => run === request.run && epoch === request.epoch)
      .flatMap(({ spans }) => {
        const late = spans.find(({ from, isUnaware, to }) => !isUnaware && from < to && to > at)
        return late === undefined
          ? []
          : [
              `run ${late.run} was suspended at ${instant(at)}, and ${late.process} executed it until ${instant(late.to)}`,
            ]
      }),
  )

const leasedWhileWaiting = (history: History): ReadonlyArray<string> =>
  [...accepted(history, "Look"), ...accepted(history, "Submit")].flatMap(
    ({ answer: { holder, run, status }, at }) =>
      status === "waiting" && holder !== undefined
        ? [`run ${run} waited at ${instant(at)}, and epoch ${holder} had a lease of it`]
        : [],
  )

/** Workers that execute more runs at once than they have slots. */
const overfull = (history: History, executions: ReadonlyArray<Execution>): ReadonlyArray<string> => {
  const edges = executions.flatMap(({ from, process, to }) => [
    { at: from, process, change: 1 },
    { at: to, process, change: -1 },
  ])
  const active = new Map<string, number>()
  // What ends at an instant has left its slot to what begins then.
  return edges
    .sort((a, b) => a.at - b.at || a.change - b.change)
    .flatMap(({ at, change, process }) => {
      const count = (active.get(process) ?? 0) + change
      active.set(process, count)
      const slots = history.slots[process.split("#")[0]!] ?? Number.POSITIVE_INFINITY
      return change > 0 && count > slots
        ? [`${process} executed ${count} runs at ${instant(at)}; it has ${slots} slots`]
        : []
    })
}

/** @category invariants */
export const waitsHoldNothing: Invariant = {
  name: "waits-hold-nothing",
  holds: "a run that waits has no executor, no lease and no slot",
  broken: (history, executions) => [
    ...workingOn(history, executions),
    ...leasedWhileWaiting(history),
    ...overfull(history, executions),
  ],
}
