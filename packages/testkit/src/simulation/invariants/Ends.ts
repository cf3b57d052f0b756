/** What ends and what stops: each run ends, a cancelled one stops, one that waits holds nothing, and each request has an answer. */
import type { Answered, History } from "../History.js"
import { accepted, isRefused } from "./Calls.js"
import type { Execution } from "./ExecutorSpans.js"
import { instant, type Invariant } from "./Violation.js"

const terminal = new Set(["completed", "failed", "cancelled"])

/** Once nothing goes wrong any more, every run ends, and nothing has died. */
export const eachRunEnds: Invariant = {
  name: "each-run-ends",
  holds: "each run ends once nothing goes wrong any more",
  broken: ({ crashes, endedAt, final, schedules = [], settled }) => {
    const open = final.filter(({ status }) => !terminal.has(status))
    const ticking = schedules.filter(({ isComplete }) => !isComplete)
    const isExplained = crashes.length > 0 || open.length > 0 || ticking.length > 0
    return [
      ...crashes,
      ...open.map(({ run, status }) => `run ${run} was still ${status} at ${instant(endedAt)}`),
      ...ticking.map(({ key }) => `schedule ${key} still had ticks to come at ${instant(endedAt)}`),
      ...(settled || isExplained ? [] : [`a client was still not answered at ${instant(endedAt)}`]),
    ]
  },
}

export const cancelIsState: Invariant = {
  name: "cancel-is-state",
  holds: "no executor of a cancelled run works for longer than a lease, and the store accepts nothing of it",
  broken: (history, executions) => {
    const cancelledAt = new Map(
      accepted(history, "Cancel").flatMap(({ answer, at }) =>
        answer.cancelled ? [[answer.run, at] as const] : [],
      ),
    )
    if (cancelledAt.size === 0) return []
    const working = executions.flatMap(({ run, spans }) => {
      const at = cancelledAt.get(run)
      const late =
        at === undefined
          ? undefined
          : spans.find(({ from, isUnaware, to }) => !isUnaware && from < to && to > at + history.lease)
      return at === undefined || late === undefined
        ? []
        : [
            `run ${run} was cancelled at ${instant(at)}, and ${late.process} executed it until ${instant(late.to)}`,
          ]
    })
    const appended = accepted(history, "Append").flatMap(({ at, call: { from, request } }) => {
      const cancelled = cancelledAt.get(request.run)
      return cancelled === undefined || at <= cancelled
        ? []
        : [
            `run ${request.run} was cancelled at ${instant(cancelled)}, and an append of ${from} accepted at ${instant(at)}`,
          ]
    })
    const renewed = accepted(history, "Renew").flatMap(({ answer, at, call }) =>
      answer.renewals.flatMap(({ run, verdict }) => {
        const cancelled = cancelledAt.get(run)
        return cancelled === undefined || at <= cancelled || verdict !== "Renewed"
          ? []
          : [
              `run ${run} was cancelled at ${instant(cancelled)}, and ${call.from} renewed its lease at ${instant(at)}`,
            ]
      }),
    )
    return [...working, ...appended, ...renewed]
  },
}

export const storeAnswers: Invariant = {
  name: "store-answers",
  holds: "the store is available to each request that reaches it",
  broken: ({ calls }) =>
    calls.flatMap(({ call, executions, from }) =>
      executions.flatMap(({ answer, at }: Answered<unknown>) =>
        isRefused(answer) && answer.refused === "ControlPlaneUnavailable"
          ? [`${call} of ${from} reached the store, which was not available to it at ${instant(at)}`]
          : [],
      ),
    ),
}

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

export const waitsHoldNothing: Invariant = {
  name: "waits-hold-nothing",
  holds: "a run that waits has no executor, no lease and no slot",
  broken: (history, executions) => [
    ...workingOn(history, executions),
    ...leasedWhileWaiting(history),
    ...overfull(history, executions),
  ],
}
