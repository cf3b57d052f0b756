/**
 * The rows of schedules, whatever the tables of a store are.
 *
 * `X` is the failure of the store. Instants are milliseconds since the epoch, by the store's civil clock: schedules alone follow it, and
 * leases and delays do not.
 *
 * Source: docs/decisions/0100-schedules.md, docs/decisions/0020-time-of-an-embedded-store.md
 */
import type { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import type { ScheduleStatus } from "../../model/Schedule.js"
import type { ScheduleRecord } from "../../rules/ScheduleRules.js"

/** The number of a schedule, which grows. */
export type ScheduleKey = number

export interface StoredSchedule {
  readonly key: ScheduleKey
  readonly record: ScheduleRecord
}

/** Names a schedule of a project. */
export interface ScheduleRef {
  readonly projectId: Ids.ProjectId
  readonly scheduleId: string
}

/** Which schedules a list has. `stale`: those alone that the store has found to be stale. */
export interface ScheduleFilter {
  readonly stale?: boolean | undefined
  readonly status?: ScheduleStatus | undefined
  readonly source?: string | undefined
  readonly sourceTriggerId?: string | undefined
}

/** The bounds of what is read of schedules: their number, and their bytes of JSON, but one at least. */
export interface ScheduleBounds {
  readonly count: number
  readonly bytes: number
}

/**
 * The schedules of one transaction. What it finds is locked where rows have locks.
 *
 * @category models
 */
export interface ScheduleRows<X> {
  /** The civil time of the transaction. */
  readonly civilNow: Effect.Effect<number, X>

  /**
   * The schedules that are due by `ScheduleHealth.dueAt`, the earliest first, without those that another transaction is writing. A store
   * that has them in memory may give more bytes than `most` says.
   */
  readonly due: (now: number, most: ScheduleBounds) => Effect.Effect<ReadonlyArray<StoredSchedule>, X>

  readonly find: (ref: ScheduleRef) => Effect.Effect<StoredSchedule | undefined, X>

  /** All that a source has declared. Another transaction that reads the same source waits, also where there are none yet. */
  readonly ofSource: (
    projectId: Ids.ProjectId,
    source: string,
  ) => Effect.Effect<ReadonlyArray<StoredSchedule>, X>

  readonly insert: (records: ReadonlyArray<ScheduleRecord>) => Effect.Effect<void, X>
  readonly update: (schedules: ReadonlyArray<StoredSchedule>) => Effect.Effect<void, X>
  readonly remove: (keys: ReadonlyArray<ScheduleKey>) => Effect.Effect<void, X>
}

/**
 * Reads of schedules outside of a transaction.
 *
 * @category models
 */
export interface ScheduleReads<X> {
  readonly civilNow: Effect.Effect<number, X>
  readonly find: (ref: ScheduleRef) => Effect.Effect<StoredSchedule | undefined, X>

  /** The newest schedules that are older than `before`, as many as a page has and one more. */
  readonly list: (
    projectId: Ids.ProjectId,
    filter: ScheduleFilter,
    page: { readonly before: ScheduleKey; readonly limit: number },
  ) => Effect.Effect<ReadonlyArray<StoredSchedule>, X>
}
