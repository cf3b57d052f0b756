/** Reads what a run has recorded, as the beginning of the log of another one. */
import { type LogEvent, toolBegunEventName } from "@runlease/core/AgentEvent"
import * as ChildEvent from "@runlease/core/ChildEvent"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import { isMessage } from "@runlease/core/InboxMessage"
import { EventId, type RunNotFound } from "@runlease/core/Run"
import { type LogEntry, maxReadBytes, maxReadLimit } from "@runlease/core/RunLog"
import { isReserved, sleepEventName } from "@runlease/core/StepRecord"
import { DateTime, Effect, Predicate } from "effect"
import type { RunRef } from "../rows/RunRows.js"
import type { Reading } from "../rows/StoreReads.js"
import type { CopiedRecords } from "./CopiedRecords.js"

// The beginning of the log of a fork or a retry: what the log of another run had recorded by an event.

const deltas: Readonly<Record<string, "messageId" | "toolCallId">> = {
  TEXT_MESSAGE_CONTENT: "messageId",
  REASONING_MESSAGE_CONTENT: "messageId",
  TOOL_CALL_ARGS: "toolCallId",
}

/** A delta is at most this long after others are joined to it, in UTF-16 units: such a unit takes three bytes, or six. */
const maxDelta = 30_000

/** Collects the events of a fork. */
interface ForkedLog {
  /** Takes the next entry of the log. */
  readonly next: (entry: LogEntry) => void
  readonly events: () => ReadonlyArray<LogEvent>
}

/**
 * Collects those records, and the events of the messages and calls that they name, each at its place. In a fork the end of a call
 * that has no result is left out: then the fork makes the call. A retry is a later attempt, to which such a call may have been made.
 */
const forkedLog = ({ calls, children, isRetry, messages, records }: CopiedRecords): ForkedLog => {
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

/** The most events that one commit copies. */
const maxEvents = 10_000

/** The most characters of their JSON. */
export const maxLength = 16 * 1024 * 1024

const lengthOf = (events: ReadonlyArray<LogEvent>): number =>
  events.reduce((sum, event) => sum + JSON.stringify(event).length, 0)

/** Whether these events are more than one commit copies. */
export const isTooLarge = (events: ReadonlyArray<LogEvent>): boolean =>
  events.length > maxEvents || lengthOf(events) > maxLength

type Entries = ReadonlyArray<LogEntry>

type Unread = RunNotFound | ControlPlaneUnavailable

/** What another run begins with: how many records, the events, and the characters of their JSON. */
export interface Copy {
  readonly records: number
  readonly events: ReadonlyArray<LogEvent>
  readonly length: number
}

/** The log of a run up to its event `last`, which never changes. */
export interface Log {
  /** Takes its entries, a page at a time. */
  readonly read: <E>(
    only: "records" | undefined,
    take: (entries: Entries) => Effect.Effect<void, E>,
  ) => Effect.Effect<void, E | Unread>

  /** Its records. Fails: `tooLarge` where they are more than one commit copies. */
  readonly records: <E>(tooLarge: E) => Effect.Effect<Entries, E | Unread>

  /** The events of these of its records. Fails: `tooLarge`, as `records`. */
  readonly copy: <E>(records: Entries, copied: CopiedRecords, tooLarge: E) => Effect.Effect<Copy, E | Unread>
}

/** `operation` is named by failures. */
export const make = <X>(reads: Reading<X>, operation: string, ref: RunRef, last: EventId): Log => {
  const page = (after: EventId, only: "records" | undefined) =>
    reads.named(operation, ref, ({ log }, found) =>
      log(found, after, { entries: maxReadLimit, bytes: maxReadBytes, only }),
    )
  const readAfter = <E>(
    after: EventId,
    only: "records" | undefined,
    take: (entries: Entries) => Effect.Effect<void, E>,
  ): Effect.Effect<void, E | Unread> =>
    Effect.flatMap(page(after, only), ({ entries }) => {
      const end = entries.at(-1)
      const wanted = entries.filter(({ eventId }) => eventId <= last)
      return Effect.zipRight(
        take(wanted),
        end === undefined || end.eventId >= last ? Effect.void : readAfter(end.eventId, only, take),
      )
    })
  const read: Log["read"] = (only, take) => readAfter(EventId.make(0), only, take)

  return {
    read,
    records: (tooLarge) =>
      Effect.suspend(() => {
        const records: Array<LogEntry> = []
        return Effect.as(
          read("records", (entries) => {
            records.push(...entries)
            return records.length > maxEvents ? Effect.fail(tooLarge) : Effect.void
          }),
          records,
        )
      }),
    copy: (records, copied, tooLarge) =>
      Effect.suspend(() => {
        const forked = forkedLog(copied)
        const take = (entries: Entries) => {
          entries.forEach(forked.next)
          return forked.events().length > maxEvents ? Effect.fail(tooLarge) : Effect.void
        }
        // Without messages and calls, the records are all that is copied.
        const isWhole = copied.messages.size + copied.calls.size === 0
        return Effect.flatMap(isWhole ? take(records) : read(undefined, take), () => {
          const events = forked.events()
          const length = lengthOf(events)
          return length > maxLength
            ? Effect.fail(tooLarge)
            : Effect.succeed({ records: copied.records.size, events, length })
        })
      }),
  }
}
