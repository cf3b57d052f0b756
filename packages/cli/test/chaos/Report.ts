/**
 * What a time of chaos came to, in numbers and as text.
 */
import type { Final } from "../../../testkit/src/simulation/History.js"
import { valueOf } from "../../../testkit/src/simulation/invariants/Calls.js"
import type { Observation } from "./Observation.js"
import type { Broken } from "./SideEffects.js"

/**
 * `leftOut`: a fault that cannot happen on this machine, and why. `submitted`: runs that a client was told are accepted. `ended`: runs by how
 * they ended, children included. `attempts`: claims of them. `marks`: attempts without an outcome, by what the logs say of their end.
 * `unreachable`: starts of processes that gave up.
 */
export interface Report {
  readonly faults: ReadonlyMap<string, number>
  readonly leftOut: string | undefined
  readonly submitted: number
  readonly ended: ReadonlyMap<string, number>
  readonly attempts: number
  readonly marks: ReadonlyMap<string, number>
  readonly calls: number
  readonly unanswered: number
  readonly effects: number
  readonly unreachable: number
  readonly broken: ReadonlyArray<Broken>
  /** What `runlease runs explain` says of the runs that are named there. */
  readonly explained: ReadonlyArray<string>
}

const counted = (names: ReadonlyArray<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const name of names.toSorted()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

const markOf = ({ log }: Final): ReadonlyArray<string> =>
  log.flatMap(({ event }) => {
    const previous = valueOf(event, "runlease.attempt")?.["previous"]
    return typeof previous === "object" && previous !== null && "ended" in previous
      ? [String(previous.ended)]
      : []
  })

/** The numbers of an observation. */
export const numbersOf = ({ calls, finals }: Observation) => ({
  submitted: new Set(
    calls.flatMap((call) =>
      call.call === "Submit" && call.received !== undefined && "run" in call.received.answer
        ? [call.received.answer.run]
        : [],
    ),
  ).size,
  ended: counted(finals.map(({ status }) => status)),
  attempts: finals.reduce((sum, { epoch }) => sum + epoch, 0),
  marks: counted(finals.flatMap(markOf)),
  calls: calls.length,
  unanswered: calls.filter(({ executions }) => executions.length === 0).length,
})

const listed = (counts: ReadonlyMap<string, number>): string =>
  Array.from(counts, ([name, count]) => `${count} ${name}`).join(", ") || "none"

/** The report as lines. */
export const show = (report: Report): string =>
  [
    `Faults: ${listed(report.faults)}`,
    ...(report.leftOut === undefined ? [] : [report.leftOut]),
    `Runs: ${report.submitted} submitted; with their children ended: ${listed(report.ended)}`,
    `Attempts: ${report.attempts}; ended without an outcome: ${listed(report.marks)}`,
    `Calls of clients: ${report.calls}, ${report.unanswered} of them without an answer`,
    `Effects of programs: ${report.effects}`,
    `Starts that gave up, as their database or server was away: ${report.unreachable}`,
    ...report.broken.map(({ invariant, sentence }) => `BROKEN ${invariant}: ${sentence}`),
    ...report.explained,
  ].join("\n")
