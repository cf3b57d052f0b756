/**
 * A run's log in the model. Appended events are stored as canonical JSON; the control plane's own events are
 * abbreviated.
 */
import type { LogEvent } from "@runlease/core/AgentEvent"
import { attemptEventName } from "@runlease/core/ControlEvents"
import { canonicalJson } from "@runlease/core/Json"
import type { LogEntry } from "@runlease/core/RunLog"
import { type Append, workerName } from "./Request.js"

/** `sequence` is null for the control plane's own events. */
export interface Entry {
  readonly sequence: number | null
  readonly text: string
}

/**
 * `open` lists the closing events of everything open, in the order of opening. `calls` lists the results that a
 * cancellation would add for the calls that have ended without a result.
 */
export interface ModelLog {
  readonly entries: ReadonlyArray<Entry>
  readonly sequence: number
  readonly started: boolean
  readonly open: ReadonlyArray<string>
  readonly calls: ReadonlyArray<string>
  /** Whether the attempt has recorded a step. */
  readonly progress: boolean
}

export interface PastAttempt {
  readonly attempt: number
  readonly worker: number
  readonly ended: "lease_expired" | "released" | "retry"
}

export const empty: ModelLog = {
  entries: [],
  sequence: 0,
  started: false,
  open: [],
  calls: [],
  progress: false,
}

/** For each opening type: its closing type and the field that identifies the pair. */
const pairs: Record<string, readonly [string, string]> = {
  STEP_STARTED: ["STEP_FINISHED", "stepName"],
  TEXT_MESSAGE_START: ["TEXT_MESSAGE_END", "messageId"],
  TOOL_CALL_START: ["TOOL_CALL_END", "toolCallId"],
}

const closingOf = (event: LogEvent): string | undefined => {
  const pair = pairs[event.type]
  return pair === undefined ? undefined : `${pair[0]} ${String(event[pair[1]])}`
}

const closingName = (event: LogEvent): string | undefined => {
  const pair = Object.values(pairs).find(([type]) => type === event.type)
  return pair === undefined ? undefined : `${event.type} ${String(event[pair[1]])}`
}

/** Appends events of the control plane, which have no sequence. */
const addControlEvents = (log: ModelLog, ...texts: ReadonlyArray<string>): ModelLog => ({
  ...log,
  entries: [...log.entries, ...texts.map((text) => ({ sequence: null, text }))],
})

/** The result that a cancellation adds after `closing`, if `closing` ends a tool call. */
const resultAfter = (closing: string): ReadonlyArray<string> =>
  closing.startsWith("TOOL_CALL_END ") ? [closing.replace("TOOL_CALL_END", "TOOL_CALL_RESULT")] : []

/** Closes everything open, the innermost first. */
const closeOpen = (log: ModelLog): ModelLog => {
  const closings = log.open.toReversed()
  return {
    ...addControlEvents(log, ...closings),
    open: [],
    calls: [...log.calls, ...closings.flatMap(resultAfter)],
  }
}

/** As `closeOpen`, and adds the result of a cancellation to every call without a result. */
const closeCancelled = (log: ModelLog): ModelLog => ({
  ...addControlEvents(
    log,
    ...log.calls,
    ...log.open.toReversed().flatMap((closing) => [closing, ...resultAfter(closing)]),
  ),
  open: [],
  calls: [],
})

export const start = (log: ModelLog): ModelLog =>
  log.started ? log : { ...addControlEvents(log, "RUN_STARTED"), started: true }

const markText = (
  { attempt, ended, worker }: PastAttempt,
  next: { readonly attempt: number; readonly worker: number } | null,
): string =>
  `attempt ${attempt} by ${workerName(worker)}: ${ended}` +
  (next === null ? "" : `, then ${next.attempt} by ${workerName(next.worker)}`)

export const claim = (
  log: ModelLog,
  past: PastAttempt | null,
  next: { readonly attempt: number; readonly worker: number },
): ModelLog => {
  const ready = { ...start(closeOpen(log)), progress: false }
  return past === null ? ready : addControlEvents(ready, markText(past, next))
}

export const suspend = (log: ModelLog): ModelLog => ({
  ...addControlEvents(closeOpen(start(log)), "RUN_FINISHED interrupt"),
  started: false,
  calls: [],
})

/** The event with the last questions of the run. */
export const questionEvent = ({ entries }: ModelLog): number =>
  entries.findLastIndex(({ text }) => text === "RUN_FINISHED interrupt") + 1

/** The record of a child, or how it has ended. */
export const addChildEvent = (log: ModelLog, isRecord: boolean): ModelLog => ({
  ...addControlEvents(log, "CUSTOM runlease.child"),
  progress: log.progress || isRecord,
})

/** A message to the run. It does not open the log of a run that waits for a person. */
export const addMessage = (log: ModelLog, isWaiting: boolean): ModelLog =>
  addControlEvents(isWaiting ? log : start(log), "CUSTOM runlease.message")

/** The answer to a question about a budget. Those of calls are results of a client, of which the log says nothing. */
export const answer = (log: ModelLog): ModelLog => addControlEvents(log, "CUSTOM runlease.answered")

export const pause = (log: ModelLog): ModelLog =>
  addControlEvents(closeOpen(start(log)), "CUSTOM runlease.waiting")

export const end = (
  log: ModelLog,
  status: "completed" | "failed" | "cancelled",
  error: string | null,
  last: PastAttempt | null,
): ModelLog => {
  const ready = (status === "cancelled" ? closeCancelled : closeOpen)(start(log))
  const outcome =
    status === "failed" ? `RUN_ERROR ${error}` : `RUN_FINISHED ${status === "completed" ? "success" : status}`
  return addControlEvents(ready, ...(last === null ? [] : [markText(last, null)]), outcome)
}

const appendOne = (log: ModelLog, event: LogEvent): ModelLog => {
  const sequence = log.sequence + 1
  const closing = closingOf(event)
  const closes = closingName(event)
  const results = closes !== undefined && log.open.includes(closes) ? resultAfter(closes) : []
  return {
    ...log,
    sequence,
    calls: [...log.calls, ...results],
    progress: log.progress || event["name"] === "runlease.step",
    entries: [...log.entries, { sequence, text: canonicalJson(event) }],
    open: closing === undefined ? log.open.filter((each) => each !== closes) : [...log.open, closing],
  }
}

export const append = (log: ModelLog, events: ReadonlyArray<LogEvent>): ModelLog =>
  events.length === 0 ? log : events.reduce(appendOne, start(log))

/** How many events of the batch the log already has after the cursor; undefined when the cursor is wrong. */
export const countDuplicates = (log: ModelLog, request: Append): number | undefined => {
  const { events, expectedEventId: id, expectedSequence: sequence } = request
  const latest = log.entries.length
  if ((id ?? latest) === latest && (sequence ?? log.sequence) === log.sequence) return 0
  if ((id ?? 0) > latest || (sequence ?? 0) > log.sequence) return undefined
  const external = (entries: ReadonlyArray<Entry>) => entries.filter((entry) => entry.sequence !== null)
  const after =
    id === undefined ? external(log.entries).slice(sequence ?? 0) : external(log.entries.slice(id))
  if (after.length === 0 || after.length > events.length) return undefined
  if (sequence !== undefined && after[0]?.sequence !== sequence + 1) return undefined
  return after.every(({ text }, index) => text === canonicalJson(events[index])) ? after.length : undefined
}

/** Converts an entry of a store's log to an entry of the model. `workerNumber` finds a worker by its id. */
export const fromLogEntry = (
  { event, sequence }: Pick<LogEntry, "event" | "sequence">,
  workerNumber: (id: string) => number,
): Entry => {
  if (sequence !== null) return { sequence, text: canonicalJson(event) }
  return { sequence, text: controlText(event, workerNumber) }
}

interface Mark {
  readonly attempt?: number
  readonly worker_id?: string
  readonly previous: {
    readonly attempt: number
    readonly worker_id: string
    readonly ended: PastAttempt["ended"]
  }
}

/** The abbreviation of an event of the control plane. */
const controlText = (event: LogEvent, workerNumber: (id: string) => number): string => {
  switch (event.type) {
    case "RUN_FINISHED":
      return `RUN_FINISHED ${(event["outcome"] as { readonly type: string }).type}`
    case "RUN_ERROR":
      return `RUN_ERROR ${String(event["code"])}`
    case "CUSTOM": {
      if (event["name"] !== attemptEventName) return `CUSTOM ${String(event["name"])}`
      const { attempt, previous, worker_id } = event["value"] as Mark
      return markText(
        { attempt: previous.attempt, worker: workerNumber(previous.worker_id), ended: previous.ended },
        attempt === undefined ? null : { attempt, worker: workerNumber(worker_id ?? "") },
      )
    }
    case "TOOL_CALL_RESULT":
      return `TOOL_CALL_RESULT ${String(event["toolCallId"])}`
    default:
      return closingName(event) ?? event.type
  }
}
