/** Folds the log of a run as its entries come: what the conversation shows, the steps, the state. */
import * as AgUiItems from "@runlease/core/executor/AgUiItems"
import { isToolCallFailure } from "@runlease/core/ToolFailure"
import { applyPatch, type Operation } from "rfc6902"
import type { EndPart, TextPart, ToolPart } from "./parts"
import { editWords } from "./sentences"
import { isRecord, questionOf } from "./questions"
import { childrenWord, type Entry, openChildren, type Read, type RunLog } from "./runLog"
import * as Steps from "./stepEvents"

const idOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

const textPart = (
  log: RunLog,
  { at, event, eventId }: Read,
  kind: TextPart["kind"],
  id: string,
): TextPart => {
  const before = log.texts.get(id)
  // A later attempt may begin a message of the same id anew.
  if (before !== undefined && before.kind === kind && !before.cut) return before
  const part: TextPart = {
    kind,
    key: `${kind}-${eventId}`,
    eventId,
    at,
    version: 0,
    messageId: id,
    recorded: null,
    text: "",
    open: true,
    cut: false,
    superseded: false,
    endedAt: null,
  }
  log.texts.set(id, part)
  log.opened.observe(AgUiItems.openingOf(event) ?? event)
  log.parts.push(part)
  return part
}

/** The last text or reasoning that is open: chunks may leave out the id. */
const lastOpen = (log: RunLog, kind: TextPart["kind"]): string | undefined => {
  for (const [id, part] of [...log.texts].toReversed()) if (part.kind === kind && part.open) return id
  return undefined
}

const appendedText =
  (kind: TextPart["kind"]) =>
  (log: RunLog, read: Read): void => {
    const id = idOf(read.event["messageId"]) ?? lastOpen(log, kind)
    if (id === undefined) return
    const part = textPart(log, read, kind, id)
    const delta = read.event["delta"]
    if (typeof delta === "string") part.text += delta
    part.version += 1
  }

const textEnd = (log: RunLog, { at, byControl, event }: Read): void => {
  const part = log.texts.get(String(event["messageId"]))
  if (part === undefined || !part.open) return
  part.open = false
  part.endedAt = at
  part.cut = byControl
  part.version += 1
}

const callPart = (log: RunLog, { at, event, eventId }: Read, id: string): ToolPart => {
  const before = log.calls.get(id)
  if (before !== undefined && !(before.superseded && event.type === "TOOL_CALL_START")) return before
  const part: ToolPart = {
    kind: "tool",
    key: `tool-${eventId}`,
    eventId,
    at,
    version: 0,
    callId: id,
    recorded: null,
    name: String(event["toolCallName"] ?? "tool"),
    args: "",
    open: true,
    cut: false,
    superseded: false,
    begunAt: null,
    result: null,
    question: null,
    uncertain: false,
  }
  log.calls.set(id, part)
  log.opened.observe(AgUiItems.openingOf(event) ?? event)
  log.parts.push(part)
  log.steps.push(part)
  return part
}

const call = (log: RunLog, read: Read): void => {
  const id = idOf(read.event["toolCallId"])
  if (id === undefined) return
  const part = callPart(log, read, id)
  const delta = read.event["delta"]
  if (typeof delta === "string") part.args += delta
  part.version += 1
}

const callEnd = (log: RunLog, { at, byControl, event }: Read): void => {
  const part = log.calls.get(String(event["toolCallId"]))
  if (part === undefined || !part.open) return
  part.open = false
  part.begunAt = at
  part.cut = byControl
  part.version += 1
}

const callResult = (log: RunLog, read: Read): void => {
  const { at, event, eventId } = read
  const id = idOf(event["toolCallId"])
  if (id === undefined) return
  const part = callPart(log, read, id)
  if (part.result === null && !part.superseded) log.done += 1
  part.result = { content: event["content"], isError: isToolCallFailure(event), at, eventId }
  part.open = false
  part.version += 1
}

const uncertain = (log: RunLog, value: unknown): void => {
  const part = isRecord(value) ? log.calls.get(String(value["toolCallId"])) : undefined
  if (part === undefined) return
  part.uncertain = true
  part.version += 1
}

/** A call that was approved is about to be made. */
const begun = (log: RunLog, { at, event }: Read): void => {
  const { value } = event
  const part = isRecord(value) ? log.calls.get(String(value["toolCallId"])) : undefined
  if (part === undefined) return
  part.begunAt = at
  part.question = null
  part.version += 1
}

/** What a question is about is shown with it. Undefined where it is about no call that the log has. */
const attachQuestion = (log: RunLog, interrupt: unknown): boolean => {
  const question = questionOf(interrupt)
  const part = question?.toolCallId === undefined ? undefined : log.calls.get(question.toolCallId)
  if (question === undefined || part === undefined) return false
  part.question = question
  part.version += 1
  return true
}

/** At the end of an attempt: a later attempt does again what no record names. */
const supersede = (log: RunLog): void => {
  const { messages, tool_calls } = log.opened.ids()
  log.opened.clear()
  for (const part of [
    ...messages.map((id) => log.texts.get(id)),
    ...tool_calls.map((id) => log.calls.get(id)),
  ]) {
    if (part === undefined) continue
    part.superseded = true
    part.version += 1
    if (part.kind === "tool" && part.result !== null) log.done -= 1
  }
}

type ControlFold = (log: RunLog, read: Read, value: Readonly<Record<string, unknown>>) => void

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

const base = ({ at, eventId }: Read, kind: string) => ({ key: `${kind}-${eventId}`, eventId, at, version: 0 })

/** The texts of a message's parts; what is no text by its type. */
const textOfParts = (parts: unknown): string =>
  (Array.isArray(parts) ? parts : [])
    .map((part: unknown) =>
      !isRecord(part)
        ? ""
        : part["type"] === "text" && typeof part["text"] === "string"
          ? part["text"]
          : `[${String(part["type"])}]`,
    )
    .join("\n")

const child: ControlFold = (log, read, value) => {
  const runId = text(value["child_run_id"])
  if (runId === null) return
  const before = log.children.get(runId)
  const { outcome } = value
  if (before !== undefined) {
    if (!isRecord(outcome)) return
    const error = outcome["error"]
    before.outcome = {
      status: String(outcome["status"]),
      message: isRecord(error) ? text(error["message"]) : null,
    }
    before.endedAt = read.at
    before.version += 1
    return
  }
  const part = {
    ...base(read, "child"),
    kind: "child" as const,
    runId,
    name: text(value["name"]) ?? "child",
    index: typeof value["index"] === "number" ? value["index"] : null,
    outcome: null,
    endedAt: null,
  }
  log.children.set(runId, part)
  log.parts.push(part)
}

const message: ControlFold = (log, read, value) => {
  const number = Number(value["number"])
  const part = {
    ...base(read, "told"),
    kind: "told" as const,
    number,
    text: textOfParts(value["parts"]),
    isRead: false,
  }
  log.told.set(number, part)
  log.parts.push(part)
}

const pauseWords: Readonly<Record<string, string>> = {
  message: "a message",
  budget: "a higher budget",
  sleep: "its time",
}

const pauseWord = (reason: string, { children }: RunLog): string => {
  if (reason !== "children") return pauseWords[reason] ?? reason
  return childrenWord(openChildren(children).length)
}

const waiting: ControlFold = (log, read, value) => {
  supersede(log)
  const reasons = value["reasons"]
  const until = text(value["until"])
  const words = Array.isArray(reasons) ? reasons.map(String) : []
  log.waits.push({ at: read.at, reasons: words.map((reason) => pauseWord(reason, log)) })
  log.parts.push({
    ...base(read, "pause"),
    kind: "pause",
    reasons: words.map((reason) => pauseWord(reason, log)),
    until: until === null ? null : Date.parse(until),
  })
}

const attempt: ControlFold = (log, read, value) => {
  supersede(log)
  Steps.breakOff(log, read.at)
  const previous = isRecord(value["previous"]) ? value["previous"] : {}
  const { attempt: number, unfinished } = value
  log.parts.push({
    ...base(read, "takeover"),
    kind: "takeover",
    previousWorker: String(previous["worker_id"]),
    ended: String(previous["ended"]),
    reason: text(previous["reason"]),
    attempt: typeof number === "number" ? number : null,
    worker: text(value["worker_id"]),
    unfinished: typeof unfinished === "number" ? unfinished : 0,
    read: log.done,
  })
}

const retry: ControlFold = (log, _read, value) => {
  log.retry = {
    runId: String(value["run_id"]),
    records: Number(value["records"]),
    answers: Number(value["answers"]),
    fromStart: value["from_start"] === true,
    by: text(value["by"]),
  }
}

const edits: ControlFold = (log, _read, value) => {
  log.edits = {
    runId: String(value["run_id"]),
    after: Number(value["after"]),
    by: text(value["by"]),
    edits: (Array.isArray(value["edits"]) ? value["edits"] : []).filter(isRecord).map(editWords),
  }
}

/** Who answered, and with which edits. The question itself shows the answer. */
const answered: ControlFold = (log, read, value) => {
  const by = text(value["by"])
  foldNote(log, read, by === null ? "answered" : `answered by ${by}`, value["answers"])
}

const folds: Readonly<Record<string, ControlFold>> = {
  "runlease.answered": answered,
  "runlease.child": child,
  "runlease.edits": edits,
  "runlease.message": message,
  "runlease.waiting": waiting,
  "runlease.attempt": attempt,
  "runlease.retry": retry,
}

/** An executor may have an event of the same name, which says nothing of the run. */
const isControl = (name: string, byControl: boolean): boolean => byControl && Object.hasOwn(folds, name)

const fold = (log: RunLog, read: Read, name: string, value: unknown): void => {
  if (isRecord(value)) folds[name]!(log, read, value)
}

const ended = (
  log: RunLog,
  read: Read,
  end: Pick<EndPart, "status" | "message" | "code" | "result" | "by">,
): void => {
  Steps.breakOff(log, read.at)
  log.parts.push({ ...base(read, "end"), kind: "end", ...end })
}

const isBudget = (interrupt: unknown): boolean => isRecord(interrupt) && interrupt["reason"] === "budget"

/** RUN_FINISHED: the run waits for answers, or it has ended. */
const finished = (log: RunLog, read: Read): void => {
  const outcome = isRecord(read.event["outcome"]) ? read.event["outcome"] : {}
  const { interrupts, type } = outcome
  if (type === "interrupt") {
    const all = Array.isArray(interrupts) ? interrupts : []
    log.waits.push({ at: read.at, reasons: [all.some(isBudget) ? "a higher budget" : "an answer"] })
    for (const interrupt of all) {
      const question = questionOf(interrupt)
      if (question === undefined || attachQuestion(log, interrupt)) continue
      log.parts.push({ ...base(read, `question-${question.id}`), kind: "question", question })
    }
    return
  }
  if (!read.byControl) return
  ended(log, read, {
    status: type === "cancelled" ? "cancelled" : "completed",
    message: null,
    code: null,
    result: read.event["result"],
    by: text(read.event["by"]),
  })
}

const failed = (log: RunLog, read: Read): void => {
  if (!read.byControl) return
  ended(log, read, {
    status: "failed",
    message: text(read.event["message"]),
    code: text(read.event["code"]),
    result: undefined,
    by: null,
  })
}

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
  if (name === "runlease.tool_uncertain") return uncertain(log, value)
  if (name === "runlease.tool_begun") return begun(log, read)
  if (Steps.isRecord(name)) return Steps.foldRecord(log, read, name, value)
  if (isControl(name, read.byControl)) return fold(log, read, name, value)
  if (!silent.has(name)) foldNote(log, read, name.replace(/^runlease\./, ""), value)
}

type Fold = (log: RunLog, read: Read) => void

/** The events that begin or continue an item, and those that end it. */
const items: Partial<Record<AgUiItems.Kind, readonly [continues: Fold, ends?: Fold]>> = {
  message: [appendedText("text"), textEnd],
  tool: [call, callEnd],
  reasoning: [appendedText("reasoning"), textEnd],
  reasoningMessage: [appendedText("reasoning")],
  step: [Steps.started, Steps.finished],
}

const others: Readonly<Record<string, Fold>> = {
  TOOL_CALL_RESULT: callResult,
  STATE_SNAPSHOT: foldState,
  STATE_DELTA: foldState,
  RUN_STARTED: (log) => log.opened.clear(),
  RUN_FINISHED: finished,
  RUN_ERROR: failed,
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
