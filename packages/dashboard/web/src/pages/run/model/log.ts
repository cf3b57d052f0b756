/** The log of a run, folded as its entries come: what the conversation shows, the steps, the state. */
import type * as Json from "@runlease/http/Json"
import { isRecord } from "./asks"
import { applyPatch } from "./jsonPatch"
import * as Control from "./controlEvents"
import * as Items from "./openedItems"
import type { ChildPart, Part, StepPart, TextPart, ToldPart, ToolPart } from "./parts"
import { recordParts, type RecordParts } from "./records"
import * as Steps from "./stepEvents"

export type Entry = Json.LogEntry
export type Event = Entry["payload"]

/** A wait that the log tells of: when it began, and what for. */
export interface LoggedWait {
  readonly at: number
  readonly reasons: ReadonlyArray<string>
}

/** Changed in place; `version` counts the changes. */
export interface RunLog {
  readonly entries: Array<Entry>
  readonly parts: Array<Part>
  readonly steps: Array<StepPart | ToolPart>
  /** What is open, and what has been opened, by the ids that later events name. */
  readonly texts: Map<string, TextPart>
  readonly calls: Map<string, ToolPart>
  readonly openSteps: Map<string, StepPart>
  readonly children: Map<string, ChildPart>
  readonly told: Map<number, ToldPart>
  /** What this attempt has opened and no record names yet. */
  readonly unrecorded: Map<string, TextPart | ToolPart>
  readonly records: RecordParts
  readonly types: Map<string, number>
  readonly waits: Array<LoggedWait>
  lastId: number
  version: number
  /** How many steps and calls have a result that stays. */
  done: number
  state: unknown
  stateAt: number | null
}

export const makeRunLog = (): RunLog => ({
  entries: [],
  parts: [],
  steps: [],
  texts: new Map(),
  calls: new Map(),
  openSteps: new Map(),
  children: new Map(),
  told: new Map(),
  unrecorded: new Map(),
  records: recordParts(),
  types: new Map(),
  waits: [],
  lastId: 0,
  version: 0,
  done: 0,
  state: undefined,
  stateAt: null,
})

/** An entry as the folding of each event needs it. */
export interface Read {
  readonly event: Event
  readonly eventId: number
  readonly at: number
  /** Written by the control plane, and not by an executor. */
  readonly byControl: boolean
}

const foldState = (log: RunLog, { at, event }: Read): void => {
  log.state = event.type === "STATE_SNAPSHOT" ? event["snapshot"] : applyPatch(log.state, event["delta"])
  log.stateAt = at
}

const foldNote = (log: RunLog, read: Read, label: string, value: unknown): void => {
  log.parts.push({
    kind: "note",
    key: `note-${read.eventId}`,
    eventId: read.eventId,
    at: read.at,
    version: 0,
    label,
    text: typeof value === "string" ? value : JSON.stringify(value ?? null),
    value,
  })
}

/** Customs that other parts tell better, or that only an executor reads. */
const silent = new Set(["runlease.usage"])

const foldCustom = (log: RunLog, read: Read): void => {
  const { event } = read
  const name = String(event["name"])
  const value = event["value"]
  if (name === "runlease.tool_uncertain") return Items.uncertain(log, value)
  if (name === "runlease.tool_begun") return Items.begun(log, read)
  if (Steps.isRecord(name)) return Steps.foldRecord(log, read, name, value)
  if (Control.isControl(name, read.byControl)) return Control.fold(log, read, name, value)
  if (!silent.has(name)) foldNote(log, read, name.replace(/^runlease\./, ""), value)
}

const fold: Readonly<Record<string, (log: RunLog, read: Read) => void>> = {
  TEXT_MESSAGE_START: Items.text("text"),
  TEXT_MESSAGE_CHUNK: Items.text("text"),
  TEXT_MESSAGE_CONTENT: Items.text("text"),
  TEXT_MESSAGE_END: Items.textEnd,
  REASONING_START: Items.text("reasoning"),
  REASONING_MESSAGE_START: Items.text("reasoning"),
  REASONING_MESSAGE_CHUNK: Items.text("reasoning"),
  REASONING_MESSAGE_CONTENT: Items.text("reasoning"),
  REASONING_END: Items.textEnd,
  TOOL_CALL_START: Items.call,
  TOOL_CALL_CHUNK: Items.call,
  TOOL_CALL_ARGS: Items.call,
  TOOL_CALL_END: Items.callEnd,
  TOOL_CALL_RESULT: Items.callResult,
  STEP_STARTED: Steps.started,
  STEP_FINISHED: Steps.finished,
  STATE_SNAPSHOT: foldState,
  STATE_DELTA: foldState,
  RUN_STARTED: (log) => log.unrecorded.clear(),
  RUN_FINISHED: Control.finished,
  RUN_ERROR: Control.failed,
  CUSTOM: foldCustom,
  ACTIVITY_SNAPSHOT: (log, read) =>
    foldNote(log, read, String(read.event["activityType"]), read.event["content"]),
  SUBAGENT_STARTED: (log, read) => foldNote(log, read, "subagent", read.event["name"]),
  SUBAGENT_ERROR: (log, read) => foldNote(log, read, "subagent failed", read.event["message"]),
}

/** Takes the next entries. One that the log has already changes nothing, since a stream that was lost may send some again. */
export const take = (log: RunLog, entries: ReadonlyArray<Entry>): void => {
  for (const entry of entries) {
    if (entry.event_id <= log.lastId) continue
    log.lastId = entry.event_id
    log.entries.push(entry)
    const { payload } = entry
    const type = payload.type
    log.types.set(type, (log.types.get(type) ?? 0) + 1)
    if (!isRecord(payload) || !Object.hasOwn(fold, type)) continue
    fold[type]!(log, {
      event: payload,
      eventId: entry.event_id,
      at: Date.parse(entry.created_at),
      byControl: entry.external_event_sequence == null,
    })
  }
  log.version += 1
}
