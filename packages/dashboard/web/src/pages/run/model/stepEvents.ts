/** Steps: their beginnings and ends, and their records. */
import { isRecord as isObject } from "./questions"
import type { LoggedRecord, Read, RunLog } from "./runLog"
import type { StepKind, StepPart } from "./parts"

const kinds: Readonly<Record<string, StepKind>> = {
  "runlease.step": "step",
  "runlease.sleep": "sleep",
  "runlease.inbox": "inbox",
  "runlease.intent": "step",
}

export const isRecord = (name: string): boolean => Object.hasOwn(kinds, name)

const make = (
  log: RunLog,
  { at, eventId }: Read,
  fields: Pick<StepPart, "step" | "name" | "shown" | "detail">,
): StepPart => {
  const part: StepPart = {
    kind: "step",
    key: `step-${eventId}`,
    eventId,
    at,
    version: 0,
    stepKey: undefined,
    stepId: null,
    endedAt: null,
    brokenAt: null,
    recorded: null,
    result: undefined,
    failure: undefined,
    error: null,
    codec: undefined,
    opens: false,
    once: false,
    ...fields,
  }
  log.parts.push(part)
  log.steps.push(part)
  return part
}

export const started = (log: RunLog, read: Read): void => {
  const shownAs = String(read.event["stepName"])
  const name = shownAs.replace(/:[0-9a-f]{8}$/, "")
  log.openSteps.set(shownAs, make(log, read, { step: "step", name, shown: true, detail: null }))
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/** The failure that the end of a step says. An agent of another server says only that there is one. */
const errorOf = ({ error, metadata }: Read["event"]): StepPart["error"] => {
  if (isObject(error)) return { message: text(error["message"]) }
  return isObject(metadata) && metadata["runlease.isError"] === true ? { message: undefined } : null
}

export const finished = (log: RunLog, { at, byControl, event }: Read): void => {
  const part = log.openSteps.get(String(event["stepName"]))
  if (part === undefined || part.endedAt !== null || part.brokenAt !== null) return
  if (byControl) part.brokenAt = at
  else {
    part.endedAt = at
    part.error = errorOf(event)
  }
  part.version += 1
}

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** The step of a record that began with STEP_STARTED: it is shown by its name, or with the beginning of its id where it has a key. */
const begunAs = (log: RunLog, name: string, stepId: string): StepPart | undefined => {
  for (const shownAs of [`${name}:${stepId.slice(0, 8)}`, name]) {
    const part = log.openSteps.get(shownAs)
    if (part !== undefined && part.recorded === null) return part
  }
  return undefined
}

const count = (after: unknown, to: unknown): number =>
  typeof after === "number" && typeof to === "number" ? Math.max(0, to - after) : 0

const detailOf = (kind: StepKind, record: Readonly<Record<string, unknown>>): string | null => {
  if (kind === "inbox") {
    const messages = count(record["after"] ?? 0, record["to"])
    return messages === 1 ? "read 1 message" : `read ${messages} messages`
  }
  if (kind !== "sleep") return null
  return text(record["until"]) ?? String(record["duration_ms"] ?? "")
}

const takeMessages = (log: RunLog, record: Readonly<Record<string, unknown>>): void => {
  const from = typeof record["after"] === "number" ? record["after"] : 0
  const to = typeof record["to"] === "number" ? record["to"] : 0
  for (let number = from + 1; number <= to; number += 1) {
    const told = log.told.get(number)
    if (told === undefined) continue
    told.isRead = true
    told.version += 1
  }
}

/** When the first of what a record names was opened: the log has no beginning of the step itself. */
const beganAt = (
  log: RunLog,
  messages: ReadonlyArray<string>,
  calls: ReadonlyArray<string>,
  at: number,
): number =>
  Math.min(
    at,
    ...messages.map((id) => log.texts.get(id)?.at ?? at),
    ...calls.map((id) => log.calls.get(id)?.at ?? at),
  )

export const foldRecord = (log: RunLog, read: Read, eventName: string, value: unknown): void => {
  const record = isObject(value) ? log.wholeRecord(value as LoggedRecord) : undefined
  if (record === undefined) return
  const kind = kinds[eventName]!
  const name = String(record["name"])
  const begun = begunAs(log, name, String(record["step_id"]))
  if (eventName === "runlease.intent") {
    if (begun !== undefined) begun.once = true
    return
  }
  const messages = list(record["messages"]).map(String)
  const calls = list(record["tool_calls"]).map(String)
  log.opened.forget({ messages, tool_calls: calls })
  const part =
    begun ??
    make(
      log,
      { ...read, at: beganAt(log, messages, calls, read.at) },
      { step: kind, name, shown: false, detail: detailOf(kind, record) },
    )
  for (const opened of [
    ...messages.map((id) => log.texts.get(id)),
    ...calls.map((id) => log.calls.get(id)),
  ]) {
    if (opened === undefined) continue
    opened.recorded = read.eventId
    opened.version += 1
  }
  part.recorded = read.eventId
  part.stepId = String(record["step_id"])
  part.endedAt ??= read.at
  part.stepKey = record["key"]
  part.result = text(record["result"])
  part.failure = text(record["failure"])
  part.codec = text(record["codec"])
  part.opens = messages.length + calls.length > 0
  part.version += 1
  log.done += 1
  if (kind === "inbox") takeMessages(log, record)
}

/** The attempt has died: its steps that were open end with it. */
export const breakOff = (log: RunLog, at: number): void => {
  for (const part of log.openSteps.values()) {
    if (part.endedAt !== null || part.brokenAt !== null) continue
    part.brokenAt = at
    part.version += 1
  }
  log.openSteps.clear()
}
