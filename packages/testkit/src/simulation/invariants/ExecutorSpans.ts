/**
 * When executors were active, in true time: from their beginning to their end, or to that of their process, without the pauses in between
 * and without the time that their process takes to notice a pause.
 */
import type { Executing, History, Incident } from "../History.js"
import { accepted } from "./Calls.js"

/** `from` and `to` are instants between which an executor was active. */
export interface Span extends Executing {
  readonly from: number
  readonly to: number
  /** Its process was suspended with its clock after it had requested the run, so it cannot see how much time has passed. */
  readonly isUnaware: boolean
}

/** An executor from its beginning to its end. */
export interface Execution extends Executing {
  readonly from: number
  readonly to: number
  readonly attempt: number
  readonly spans: ReadonlyArray<Span>
}

/** The pauses and the end of one process. */
interface Life {
  readonly pauses: Array<{ readonly from: number; to: number; readonly clock: string }>
  end: number
}

const livesOf = (history: History): Map<string, Life> => {
  const lives = new Map<string, Life>()
  const lifeOf = (process: string): Life => {
    const life = lives.get(process) ?? { pauses: [], end: history.endedAt }
    lives.set(process, life)
    return life
  }
  for (const incident of history.incidents) {
    switch (incident._tag) {
      case "Paused":
        lifeOf(incident.process).pauses.push({
          from: incident.at,
          to: Number.POSITIVE_INFINITY,
          clock: incident.clock,
        })
        break
      case "Resumed": {
        const pause = lifeOf(incident.process).pauses.at(-1)
        if (pause !== undefined) pause.to = incident.at
        break
      }
      case "Ended":
        lifeOf(incident.process).end = incident.at
        break
      default:
    }
  }
  return lives
}

const key = ({ epoch, process, run }: Executing): string => `${process} ${run} ${epoch}`

/** When each lease was first requested. */
const requestTimes = (history: History): ReadonlyMap<string, number> => {
  const requestedAt = new Map<string, number>()
  for (const { answer, call } of accepted(history, "Claim")) {
    for (const { epoch, run } of answer.grants) {
      const lease = key({ process: call.from, run, epoch })
      requestedAt.set(lease, Math.min(call.sentAt, requestedAt.get(lease) ?? call.sentAt))
    }
  }
  return requestedAt
}

const spansOf = (
  executing: Executing,
  { requestedAt, from, to }: { readonly requestedAt: number; readonly from: number; readonly to: number },
  life: Life | undefined,
  reaction: number,
): Array<Span> => {
  const { epoch, process, run } = executing
  const spans: Array<Span> = []
  let isUnaware =
    life?.pauses.some((pause) => pause.clock === "stands" && requestedAt < pause.to && pause.to <= from) ===
    true
  let begin = from
  const add = (until: number): void => {
    if (until >= begin) spans.push({ process, run, epoch, from: begin, to: until, isUnaware })
  }
  for (const pause of life?.pauses ?? []) {
    if (pause.to < from || pause.from > to) continue
    add(Math.min(pause.from, to))
    begin = pause.to + reaction
    isUnaware ||= pause.clock === "stands"
  }
  add(to)
  return spans
}

/** The executions of a history, the earliest first. */
export const executionsOf = (history: History): ReadonlyArray<Execution> => {
  const lives = livesOf(history)
  const requests = requestTimes(history)
  const open = new Map<string, Extract<Incident, { readonly _tag: "ExecutorBegan" }>>()
  const executions: Array<Execution> = []
  const close = (began: Extract<Incident, { readonly _tag: "ExecutorBegan" }>, end: number): void => {
    const { at: from, attempt, epoch, process, run } = began
    const life = lives.get(process)
    const to = Math.min(end, life?.end ?? end)
    const times = { requestedAt: requests.get(key(began)) ?? from, from, to }
    const spans = spansOf(began, times, life, history.reaction ?? 0)
    executions.push({ process, run, epoch, attempt, from, to, spans })
    open.delete(key(began))
  }
  for (const incident of history.incidents) {
    if (incident._tag === "ExecutorBegan") open.set(key(incident), incident)
    if (incident._tag !== "ExecutorEnded") continue
    const began = open.get(key(incident))
    if (began !== undefined) close(began, incident.at)
  }
  for (const began of Array.from(open.values())) close(began, history.endedAt)
  return executions.sort((a, b) => a.from - b.from)
}

/**
 * How long two spans were active at once, in milliseconds. A process takes no time to do something, so what it does at the instant at
 * which it wakes lasts for none.
 */
export const overlap = (a: Span, b: Span): number => Math.min(a.to, b.to) - Math.max(a.from, b.from)
