/**
 * The records of a run that another one begins with.
 *
 * Source: docs/decisions/0122-retry-keeps-records.md
 */
import * as ChildEvent from "@runlease/core/ChildEvent"
import type { LogEntry } from "@runlease/core/RunLog"
import * as StepRecord from "@runlease/core/StepRecord"
import { DateTime, Option, Predicate, Schema } from "effect"

/**
 * The records that are copied, by their ids, and the messages and calls that these name. `children`: those whose events are copied.
 * `isRetry`: also the messages to the run, and the end of each call, are.
 */
export interface CopiedRecords {
  readonly records: ReadonlySet<string>
  readonly messages: ReadonlySet<string>
  readonly calls: ReadonlySet<string>
  readonly children: ReadonlySet<string>
  readonly isRetry: boolean
}

/** A whole record at its place. */
interface Placed extends StepRecord.EventRecord {
  readonly eventId: number
  readonly writtenAt: DateTime.Utc
}

const wakesAt = ({ record: { duration_ms, until }, writtenAt }: Placed): DateTime.Utc =>
  until ?? DateTime.add(writtenAt, { millis: duration_ms ?? 0 })

const parsed = Schema.decodeUnknownOption(Schema.parseJson())

const isRunError = (result: string): boolean =>
  result.includes("RUN_ERROR") &&
  Option.exists(parsed(result), (event) => Predicate.isRecord(event) && event["type"] === "RUN_ERROR")

/** Whether the record of a step says that it has failed: by its schema of failures, or by the RUN_ERROR of a remote agent. */
const hasFailed = ({ kind, record: { failure, result } }: Placed): boolean =>
  kind === "step" && (failure !== undefined || (result !== undefined && isRunError(result)))

/** The whole records that executors and the control plane have written, in their order. */
const placed = (entries: ReadonlyArray<LogEntry>): ReadonlyArray<Placed> => {
  const next = StepRecord.reader()
  return entries.flatMap(({ createdAt: writtenAt, event, eventId, sequence }) => {
    const read = sequence === null && !ChildEvent.isChildEvent(event) ? undefined : next(event)
    return read === undefined ? [] : [{ ...read, eventId, writtenAt }]
  })
}

const copied = (
  records: ReadonlyArray<Placed>,
  children: ReadonlySet<string>,
  isRetry: boolean,
): CopiedRecords => ({
  records: new Set(records.map(({ record }) => record.record_id)),
  messages: new Set(records.flatMap(({ record }) => record.messages ?? [])),
  calls: new Set(records.flatMap(({ record }) => record.tool_calls ?? [])),
  children,
  isRetry,
})

/**
 * Those of a fork that continues at an instant: whole steps, and sleeps that are over. It copies no intents, since what they announce was not
 * recorded, no children, and no messages that the run has consumed.
 */
export const ofFork = (entries: ReadonlyArray<LogEntry>, at: DateTime.Utc): CopiedRecords =>
  copied(
    placed(entries).filter(
      (one) => one.kind === "step" || (one.kind === "sleep" && DateTime.lessThanOrEqualTo(wakesAt(one), at)),
    ),
    new Set(),
    false,
  )

/** Whether some step has failed by its record, so that `ofRetry` needs to know which steps began after it. */
export const someFailed = (entries: ReadonlyArray<LogEntry>): boolean => placed(entries).some(hasFailed)

/** The children that a retry has too: those that have completed, and those that no run waits for. */
const lastingChildren = (entries: ReadonlyArray<LogEntry>): ReadonlySet<string> =>
  new Set(
    entries.flatMap(({ event }) =>
      Option.match(ChildEvent.fromEvent(event), {
        onNone: () => [],
        onSome: ({ detached, outcome, runId }) =>
          detached || outcome?.status === "completed" ? [runId] : [],
      }),
    ),
  )

/**
 * Those of a retry, which begins with what failed: as those of a fork at the end, without the steps that have failed, and with all else that
 * a later attempt would find. That is the intent of a step that may have happened, a child that has completed or is detached, and the
 * messages to the run with the steps that took them.
 *
 * A failed step after which the program has begun another one was handled: it stays failed. `started`: the places in the log at which steps
 * began, where some step has failed.
 */
export const ofRetry = (
  entries: ReadonlyArray<LogEntry>,
  endedAt: DateTime.Utc,
  started: ReadonlyArray<number>,
): CopiedRecords => {
  const all = placed(entries)
  // The log of a retry has the records that it began with before all that it did itself.
  const [first = Number.POSITIVE_INFINITY] = started
  const begun = all.filter((one) => one.kind !== "step" || (one.eventId < first && !hasFailed(one)))
  const lastBegun = Math.max(0, begun.at(-1)?.eventId ?? 0, started.at(-1) ?? 0)
  const isLeftOut = (one: Placed): boolean => hasFailed(one) && one.eventId > lastBegun
  const steps = new Set(all.flatMap(({ kind, record }) => (kind === "step" ? [record.step_id] : [])))
  const children = lastingChildren(entries)
  return copied(
    all.filter((one) => {
      switch (one.kind) {
        case "step":
          return !isLeftOut(one)
        case "intent":
          return !steps.has(one.record.step_id)
        case "sleep":
          return DateTime.lessThanOrEqualTo(wakesAt(one), endedAt)
        case "child":
          return children.has(one.record.child_run_id ?? "")
        case "inbox":
          return true
        case "request":
          return false
      }
    }),
    children,
    true,
  )
}
