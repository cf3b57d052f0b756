/**
 * Makes a history of what was observed of real processes: the calls of clients, what happened to processes, what executors, programs and
 * workers wrote down, and what the store has at the end.
 */
import * as HistoryChecker from "../../../testkit/src/HistoryChecker.js"
import type { Call, Final, History, Incident } from "../../../testkit/src/simulation/History.js"
import type * as Journal from "./Journal.js"
import * as SideEffects from "./SideEffects.js"
import * as WorkerLog from "./WorkerLog.js"

/** Units: `begunAt` and the lines are in milliseconds of the machine's clock, as are the finals; the rest counts from `begunAt`. */
export interface Observation {
  readonly begunAt: number
  readonly endedAt: number
  readonly lease: number
  readonly slots: Readonly<Record<string, number>>
  readonly calls: ReadonlyArray<Call>
  readonly incidents: ReadonlyArray<Incident>
  readonly lines: ReadonlyArray<Journal.Line>
  readonly recorded: ReadonlyArray<WorkerLog.Recorded>
  readonly finals: ReadonlyArray<Final>
  readonly settled: boolean
  readonly crashes: ReadonlyArray<string>
  readonly servers: number
}

/** How long a process that was stopped may take to notice how late it is, in milliseconds, on a machine that is busy. */
const reaction = 1_500

const isIncident = (line: Journal.Line): line is Incident => line._tag !== "Effect" && line._tag !== "Beat"

/** Programs that were killed, until when each is known to have been there. */
const killed = (lines: ReadonlyArray<Journal.Line>): ReadonlyArray<Incident> => {
  const open = new Map<string, Incident>()
  for (const line of lines) {
    if (!line.process.startsWith("program-") || !("run" in line)) continue
    if (line._tag === "ExecutorEnded") open.delete(line.process)
    else {
      const { at, epoch, process, run } = line
      open.set(process, { _tag: "ExecutorEnded", at, process, run, epoch })
    }
  }
  return Array.from(open.values())
}

const finalSince = (begunAt: number, final: Final): Final => ({
  ...final,
  finishedAt: final.finishedAt === undefined ? undefined : final.finishedAt - begunAt,
  log: final.log.map((entry) => ({ ...entry, at: entry.at - begunAt })),
})

/** The history of an observation. */
export const historyOf = (observation: Observation): History => {
  const { begunAt, calls, crashes, endedAt, finals, lease, lines, settled, slots } = observation
  const noted = [...lines.filter(isIncident), ...killed(lines)].map((incident) => ({
    ...incident,
    at: incident.at - begunAt,
  }))
  return {
    lease,
    slots,
    calls,
    incidents: [...observation.incidents, ...noted].sort((a, b) => a.at - b.at),
    final: finals.map((final) => finalSince(begunAt, final)),
    settled,
    endedAt,
    crashes,
    reaction,
    servers: observation.servers,
  }
}

/** What an observation shows to be broken. */
export const judge = (observation: Observation): ReadonlyArray<SideEffects.Broken> => [
  ...HistoryChecker.violations(historyOf(observation)),
  ...SideEffects.violations(observation.lines, observation.finals),
  ...WorkerLog.violations(observation.recorded, observation.finals),
]
