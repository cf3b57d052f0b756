/** Folds the log of a run as its entries come: what the conversation shows, the steps, the state. */
import * as AgUiItems from "@runlease/core/internal/AgUiItems"
import { applyPatch, type Operation } from "rfc6902"
import * as Control from "./controlEvents"
import * as Items from "./openedItems"
import { isRecord } from "./questions"
import type { Entry, Read, RunLog } from "./runLog"
import * as Steps from "./stepEvents"

const isOperation = (value: unknown): value is Operation =>
  isRecord(value) && typeof value["op"] === "string" && typeof value["path"] === "string"

/** An operation may replace the whole state, so the state is a field of a document. */
const within = (operation: Operation): Operation => ({
  ...operation,
  path: `/state${operation.path}`,
  ...("from" in operation ? { from: `/state${operation.from}` } : {}),
})

/** Changes the state in place. An operation that does not fit the state changes nothing. */
const change = (state: unknown, operations: unknown): unknown => {
  const document = { state }
  for (const operation of Array.isArray(operations) ? operations.filter(isOperation) : []) {
    try {
      applyPatch(document, [within(operation)])
    } catch {
      // Its path is not a JSON Pointer.
    }
  }
  return document.state
}

/** The state that an agent shares, from its snapshots and deltas. Source: RFC 6902 */
const foldState = (log: RunLog, { at, event }: Read): void => {
  log.state =
    event.type === "STATE_SNAPSHOT"
      ? structuredClone(event["snapshot"])
      : change(log.state ?? {}, event["delta"])
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

/** Customs that other parts show better, or that only an executor reads. */
const silent = new Set(["runlease.usage", "runlease.request"])

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

type Fold = (log: RunLog, read: Read) => void

/** The events that begin or continue an item, and those that end it. */
const items: Partial<Record<AgUiItems.Kind, readonly [continues: Fold, ends?: Fold]>> = {
  message: [Items.text("text"), Items.textEnd],
  tool: [Items.call, Items.callEnd],
  reasoning: [Items.text("reasoning"), Items.textEnd],
  reasoningMessage: [Items.text("reasoning")],
  step: [Steps.started, Steps.finished],
}

const others: Readonly<Record<string, Fold>> = {
  TOOL_CALL_RESULT: Items.callResult,
  STATE_SNAPSHOT: foldState,
  STATE_DELTA: foldState,
  RUN_STARTED: (log) => log.opened.clear(),
  RUN_FINISHED: Control.finished,
  RUN_ERROR: Control.failed,
  CUSTOM: foldCustom,
  ACTIVITY_SNAPSHOT: (log, read) =>
    foldNote(log, read, String(read.event["activityType"]), read.event["content"]),
  SUBAGENT_STARTED: (log, read) => foldNote(log, read, "subagent", read.event["name"]),
  SUBAGENT_ERROR: (log, read) => foldNote(log, read, "subagent failed", read.event["message"]),
}

const foldOf = (type: string): Fold | undefined => {
  const use = AgUiItems.useOf(type)
  const ofItem = use === undefined ? undefined : items[use.item.kind]
  if (use !== undefined && ofItem !== undefined) return ofItem[use.action === "closes" ? 1 : 0]
  return Object.hasOwn(others, type) ? others[type] : undefined
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
    foldOf(type)?.(log, {
      event: payload,
      eventId: entry.event_id,
      at: Date.parse(entry.created_at),
      byControl: entry.external_event_sequence == null,
    })
  }
  log.version += 1
}
