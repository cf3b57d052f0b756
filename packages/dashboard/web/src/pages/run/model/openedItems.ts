/** Messages, reasoning and tool calls. */
import * as AgUiItems from "@runlease/core/internal/AgUiItems"
import { isToolCallFailure } from "@runlease/core/internal/ToolFailure"
import { questionOf, isRecord } from "./questions"
import type { Read, RunLog } from "./runLog"
import type { TextPart, ToolPart } from "./parts"

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

export const text =
  (kind: TextPart["kind"]) =>
  (log: RunLog, read: Read): void => {
    const id = idOf(read.event["messageId"]) ?? lastOpen(log, kind)
    if (id === undefined) return
    const part = textPart(log, read, kind, id)
    const delta = read.event["delta"]
    if (typeof delta === "string") part.text += delta
    part.version += 1
  }

export const textEnd = (log: RunLog, { at, byControl, event }: Read): void => {
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

export const call = (log: RunLog, read: Read): void => {
  const id = idOf(read.event["toolCallId"])
  if (id === undefined) return
  const part = callPart(log, read, id)
  const delta = read.event["delta"]
  if (typeof delta === "string") part.args += delta
  part.version += 1
}

export const callEnd = (log: RunLog, { at, byControl, event }: Read): void => {
  const part = log.calls.get(String(event["toolCallId"]))
  if (part === undefined || !part.open) return
  part.open = false
  part.begunAt = at
  part.cut = byControl
  part.version += 1
}

export const callResult = (log: RunLog, read: Read): void => {
  const { at, event, eventId } = read
  const id = idOf(event["toolCallId"])
  if (id === undefined) return
  const part = callPart(log, read, id)
  if (part.result === null && !part.superseded) log.done += 1
  part.result = { content: event["content"], isError: isToolCallFailure(event), at, eventId }
  part.open = false
  part.version += 1
}

export const uncertain = (log: RunLog, value: unknown): void => {
  const part = isRecord(value) ? log.calls.get(String(value["toolCallId"])) : undefined
  if (part === undefined) return
  part.uncertain = true
  part.version += 1
}

/** A call that was approved is about to be made. */
export const begun = (log: RunLog, { at, event }: Read): void => {
  const { value } = event
  const part = isRecord(value) ? log.calls.get(String(value["toolCallId"])) : undefined
  if (part === undefined) return
  part.begunAt = at
  part.question = null
  part.version += 1
}

/** What a question is about is shown with it. Undefined where it is about no call that the log has. */
export const attachQuestion = (log: RunLog, interrupt: unknown): boolean => {
  const question = questionOf(interrupt)
  const part = question?.toolCallId === undefined ? undefined : log.calls.get(question.toolCallId)
  if (question === undefined || part === undefined) return false
  part.question = question
  part.version += 1
  return true
}

/** At the end of an attempt: a later attempt does again what no record names. */
export const supersede = (log: RunLog): void => {
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
