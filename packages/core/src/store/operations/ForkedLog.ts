/**
 * The beginning of the log of a fork: what the log of another run had recorded by an event.
 *
 * @since 0.1.0
 */
import { DateTime, Predicate } from "effect"
import type { LogEvent } from "../../model/AgentEvent.js"
import { reader, sleepEventName, stepEventName, type StepRecord } from "../../model/StepRecord.js"
import type { LogEntry } from "../../ports/RunLog.js"

/**
 * The records that a fork copies, by their ids, and the messages and calls that these name.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopiedRecords {
  readonly records: ReadonlySet<string>
  readonly messages: ReadonlySet<string>
  readonly calls: ReadonlySet<string>
}

const deltas: Readonly<Record<string, "messageId" | "toolCallId">> = {
  TEXT_MESSAGE_CONTENT: "messageId",
  REASONING_MESSAGE_CONTENT: "messageId",
  TOOL_CALL_ARGS: "toolCallId",
}

/** A delta is at most this long after others are joined to it, in UTF-16 units: such a unit takes three bytes, or six. */
const maxDelta = 30_000

const wakesAt = ({ duration_ms, until }: StepRecord, writtenAt: DateTime.Utc): DateTime.Utc =>
  until ?? DateTime.add(writtenAt, { millis: duration_ms ?? 0 })

/**
 * Finds the records that a fork copies which goes on at an instant: whole steps, and sleeps that are over. It copies no intents, since what
 * they announce was not recorded, no children, and no messages that the run has taken.
 *
 * @since 0.1.0
 * @category folding
 */
export const copiedRecords = (entries: ReadonlyArray<LogEntry>, at: DateTime.Utc): CopiedRecords => {
  const records = new Set<string>()
  const messages = new Set<string>()
  const calls = new Set<string>()
  const nextRecord = reader()
  for (const { createdAt, event, sequence } of entries) {
    if (sequence === null) continue
    const read = nextRecord(event)
    if (read === undefined) continue
    const { kind, record } = read
    const isOver = kind === "sleep" && DateTime.lessThanOrEqualTo(wakesAt(record, createdAt), at)
    if (kind !== "step" && !isOver) continue
    records.add(record.record_id)
    for (const id of record.messages ?? []) messages.add(id)
    for (const id of record.tool_calls ?? []) calls.add(id)
  }
  return { records, messages, calls }
}

/** Collects the events of a fork. */
export interface ForkedLog {
  /** Takes the next entry of the log. */
  readonly next: (entry: LogEntry) => void
  readonly events: () => ReadonlyArray<LogEvent>
}

/**
 * Collects those records, and the events of the messages and calls that they name, each at its place. The end of a call
 * that has no result is left out: then the fork makes the call.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ calls, messages, records }: CopiedRecords): ForkedLog => {
  const events: Array<LogEvent> = []
  const answered = new Set<unknown>()

  const isOfItem = (event: LogEvent): boolean => {
    const { entityId, messageId, subtype, toolCallId, type } = event
    if (type === "REASONING_ENCRYPTED_VALUE") {
      return (subtype === "tool-call" ? calls : messages).has(String(entityId))
    }
    if (type.startsWith("TOOL_CALL_")) return typeof toolCallId === "string" && calls.has(toolCallId)
    return (
      (type.startsWith("TEXT_MESSAGE_") || type.startsWith("REASONING_")) &&
      typeof messageId === "string" &&
      messages.has(messageId)
    )
  }

  /** The record as a log has it that begins later: a sleep ends when it did. */
  const ofRecord = ({ createdAt, event }: LogEntry): LogEvent | undefined => {
    const { name, value } = event
    if (!Predicate.isRecord(value) || !records.has(String(value["record_id"]))) return undefined
    if (name === stepEventName) return event
    if (name !== sleepEventName) return undefined
    const { duration_ms, ...rest } = value
    return typeof duration_ms === "number"
      ? {
          ...event,
          value: { ...rest, until: DateTime.formatIso(DateTime.add(createdAt, { millis: duration_ms })) },
        }
      : event
  }

  const add = (event: LogEvent): void => {
    const last = events.at(-1)
    const field = deltas[event.type]
    const joined = `${String(last?.["delta"])}${String(event["delta"])}`
    if (
      last !== undefined &&
      field !== undefined &&
      last.type === event.type &&
      last[field] === event[field] &&
      joined.length <= maxDelta
    ) {
      events[events.length - 1] = { ...last, delta: joined }
    } else events.push(event)
  }

  return {
    next: (entry) => {
      const { event, sequence } = entry
      // The control plane has closed what an attempt left open; it does so again.
      if (sequence === null) return
      const copied = event.type === "CUSTOM" ? ofRecord(entry) : isOfItem(event) ? event : undefined
      if (copied === undefined) return
      if (copied.type === "TOOL_CALL_RESULT") answered.add(copied["toolCallId"])
      add(copied)
    },
    events: () =>
      events.filter(({ toolCallId, type }) => type !== "TOOL_CALL_END" || answered.has(toolCallId)),
  }
}
