/** Reads what a run has recorded, as the beginning of the log of another one. */
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import { EventId, type RunNotFound } from "@runlease/core/Run"
import { type LogEntry, maxReadBytes, maxReadLimit } from "@runlease/core/RunLog"
import { Effect } from "effect"
import type { RunRef } from "../rows/RunRows.js"
import type { Reading } from "../rows/StoreReads.js"
import type { CopiedRecords } from "./CopiedRecords.js"
import * as ForkedLog from "./ForkedLog.js"

/** The most events that one commit copies. */
const maxEvents = 10_000

/** The most characters of their JSON. */
export const maxLength = 16 * 1024 * 1024

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
        const forked = ForkedLog.make(copied)
        const take = (entries: Entries) => {
          entries.forEach(forked.next)
          return forked.events().length > maxEvents ? Effect.fail(tooLarge) : Effect.void
        }
        // Without messages and calls, the records are all that is copied.
        const isWhole = copied.messages.size + copied.calls.size === 0
        return Effect.flatMap(isWhole ? take(records) : read(undefined, take), () => {
          const events = forked.events()
          const length = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0)
          return length > maxLength
            ? Effect.fail(tooLarge)
            : Effect.succeed({ records: copied.records.size, events, length })
        })
      }),
  }
}
