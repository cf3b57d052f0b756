/** The beginning of the log of a fork or a retry: what the log of another run had recorded by an event. */
import { type LogEvent, toolBegunEventName } from "@runlease/core/AgentEvent"
import * as ChildEvent from "@runlease/core/ChildEvent"
import { isMessage } from "@runlease/core/InboxMessage"
import type { LogEntry } from "@runlease/core/RunLog"
import { isReserved, sleepEventName } from "@runlease/core/StepRecord"
import { DateTime, Predicate } from "effect"
import type { CopiedRecords } from "./CopiedRecords.js"

const deltas: Readonly<Record<string, "messageId" | "toolCallId">> = {
  TEXT_MESSAGE_CONTENT: "messageId",
  REASONING_MESSAGE_CONTENT: "messageId",
  TOOL_CALL_ARGS: "toolCallId",
}

/** A delta is at most this long after others are joined to it, in UTF-16 units: such a unit takes three bytes, or six. */
const maxDelta = 30_000

/** Collects the events of a fork. */
export interface ForkedLog {
  /** Takes the next entry of the log. */
  readonly next: (entry: LogEntry) => void
  readonly events: () => ReadonlyArray<LogEvent>
}

/**
 * Collects those records, and the events of the messages and calls that they name, each at its place. In a fork the end of a call
 * that has no result is left out: then the fork makes the call. A retry is a later attempt, to which such a call may have been made.
 */
export const make = ({ calls, children, isRetry, messages, records }: CopiedRecords): ForkedLog => {
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
    if (!Predicate.isRecord(value)) return undefined
    if (isRetry && name === toolBegunEventName)
      return calls.has(String(value["toolCallId"])) ? event : undefined
    if (!isReserved(event) || !records.has(String(value["record_id"]))) return undefined
    if (name !== sleepEventName) return event
    const { duration_ms, ...rest } = value
    return typeof duration_ms === "number"
      ? {
          ...event,
          value: { ...rest, until: DateTime.formatIso(DateTime.add(createdAt, { millis: duration_ms })) },
        }
      : event
  }

  /** What the control plane has written that a later attempt needs. */
  const isBeside = (event: LogEvent): boolean =>
    (isRetry && isMessage(event)) || children.has(ChildEvent.idIn(event) ?? "")

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
      if (sequence === null) {
        // The control plane has closed what an attempt left open; it does so again.
        if (isBeside(event)) events.push(event)
        return
      }
      const copied = event.type === "CUSTOM" ? ofRecord(entry) : isOfItem(event) ? event : undefined
      if (copied === undefined) return
      if (copied.type === "TOOL_CALL_RESULT") answered.add(copied["toolCallId"])
      add(copied)
    },
    events: () =>
      isRetry
        ? events
        : events.filter(({ toolCallId, type }) => type !== "TOOL_CALL_END" || answered.has(toolCallId)),
  }
}
