/**
 * Rows that are a record: JSON, with columns for what records are found by. Schedules, bulk operations, rollouts, and the endpoints, messages
 * and sources of webhooks are such rows.
 *
 * `X` is the failure of the store. Instants are milliseconds since the epoch.
 *
 * Source: docs/decisions/0100-schedules.md, docs/decisions/0103-bulk-operations.md
 */
import type * as Ids from "@runlease/core/Ids"
import { Effect } from "effect"
import type { BulkRecord } from "../rules/BulkRules.js"
import type { RolloutRecord } from "../rules/RolloutRules.js"
import * as ScheduleHealth from "../rules/ScheduleHealth.js"
import type { ScheduleRecord } from "../rules/ScheduleRules.js"
import type { SourceRecord } from "../rules/WebhookSourceRules.js"
import type { DeliveryRecord, EndpointRecord } from "../rules/WebhookRules.js"

export type ColumnValue = string | number | null

export interface Identified {
  readonly id: string
  readonly projectId: string
}

/** A table of records: what a store needs to know of it. A store gives each record a key that grows. */
export interface RecordTable<R extends Identified> {
  readonly name: string
  readonly key: string
  /** The columns besides those of the key, the id, the project, `next_at` and the JSON. */
  readonly columns: Readonly<
    Record<string, { readonly type: "text" | "integer"; readonly of: (record: R) => ColumnValue }>
  >
  /** When a record is due next, in its column `next_at`; null for never. */
  readonly dueAt: (record: R) => number | null
}

export interface StoredRecord<R> {
  readonly key: number
  readonly record: R
}

/** Names a record of a project. */
export interface RecordRef {
  readonly projectId: Ids.ProjectId
  readonly id: string
}

/** The values that columns of the table have in the records that are meant, the id among them; undefined for any. */
export type RecordFilter = Readonly<Record<string, ColumnValue | undefined>>

/** The bounds of what is read: a number of records, and their bytes of JSON, but one record at least. */
export interface RecordBounds {
  readonly count: number
  readonly bytes: number
}

/** Records that are added, those that have changed, and the keys of those that go. */
export interface RecordChanges<R> {
  readonly inserted?: ReadonlyArray<R>
  readonly updated?: ReadonlyArray<StoredRecord<R>>
  readonly removed?: ReadonlyArray<number>
}

/** The records of one transaction. What it finds is locked where rows have locks. */
export interface RecordRows<R, X> {
  /**
   * The records that are due, the earliest first, without those that another transaction is writing. A store that has them in memory may
   * return more bytes than `most` says. `without`: a column, and values that no record of the answer has in it.
   */
  readonly due: (
    now: number,
    most: RecordBounds,
    without?: { readonly column: string; readonly values: ReadonlyArray<string> },
  ) => Effect.Effect<ReadonlyArray<StoredRecord<R>>, X>

  readonly find: (ref: RecordRef) => Effect.Effect<StoredRecord<R> | undefined, X>

  /** All records of a project with this value. Another transaction that reads the same waits, also where there are none yet. */
  readonly all: (
    projectId: Ids.ProjectId,
    column: string,
    value: string,
  ) => Effect.Effect<ReadonlyArray<StoredRecord<R>>, X>

  /** The records of these names. Until this transaction ends, one that reads `all` records with such a name as their value waits. */
  readonly shared: (refs: ReadonlyArray<RecordRef>) => Effect.Effect<ReadonlyArray<StoredRecord<R>>, X>

  /** The records of these projects, the oldest first. They are not locked. */
  readonly ofProjects: (projectIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<StoredRecord<R>>, X>

  /** Writes these changes, of which any may be none. */
  readonly write: (changes: RecordChanges<R>) => Effect.Effect<void, X>
}

/** Reads of records outside of a transaction. */
export interface RecordReads<R, X> {
  /** The newest records that are older than `before`, as many as a page has and one more. */
  readonly list: (
    projectId: Ids.ProjectId,
    filter: RecordFilter,
    page: { readonly before: number; readonly limit: number },
  ) => Effect.Effect<ReadonlyArray<StoredRecord<R>>, X>

  /** How many records are due, up to `most`. */
  readonly countDue: (now: number, most: number) => Effect.Effect<number, X>

  /** The projects that have records. */
  readonly projects: Effect.Effect<ReadonlyArray<string>, X>
}

/** Reads the record of a name. */
export const findRecord = <R, X>(
  { list }: RecordReads<R, X>,
  { id, projectId }: RecordRef,
): Effect.Effect<StoredRecord<R> | undefined, X> =>
  Effect.map(list(projectId, { id }, { before: Number.MAX_SAFE_INTEGER, limit: 1 }), ([found]) => found)

export const schedules: RecordTable<ScheduleRecord> = {
  name: "schedules",
  key: "schedule_pk",
  columns: {
    status: { type: "text", of: ({ status }) => status },
    source: { type: "text", of: ({ source }) => source },
    source_key: { type: "text", of: ({ sourceTriggerId }) => sourceTriggerId },
    stale: { type: "integer", of: ({ stale, status }) => (stale === true && status === "active" ? 1 : 0) },
  },
  dueAt: ScheduleHealth.dueAt,
}

/** A running operation is due at its last part, so the one whose last part is the longest ago comes first. */
export const bulkOperations: RecordTable<BulkRecord> = {
  name: "bulk_operations",
  key: "bulk_pk",
  columns: {
    status: { type: "text", of: ({ status }) => status },
    finished_at: { type: "integer", of: ({ finishedAt }) => finishedAt },
  },
  dueAt: ({ status, updatedAt }) => (status === "running" ? updatedAt : null),
}

/** An endpoint is never due. */
export const webhookEndpoints: RecordTable<EndpointRecord> = {
  name: "webhook_endpoints",
  key: "endpoint_pk",
  columns: { status: { type: "text", of: ({ status }) => status } },
  dueAt: () => null,
}

export const webhookDeliveries: RecordTable<DeliveryRecord> = {
  name: "webhook_deliveries",
  key: "delivery_pk",
  columns: {
    endpoint_id: { type: "text", of: ({ endpointId }) => endpointId },
    status: { type: "text", of: ({ status }) => status },
    finished_at: { type: "integer", of: ({ finishedAt }) => finishedAt },
  },
  dueAt: ({ nextAt }) => nextAt,
}

/** A source is never due. Its id is its name. */
export const webhookSources: RecordTable<SourceRecord> = {
  name: "webhook_sources",
  key: "source_pk",
  columns: { scheme: { type: "text", of: ({ scheme }) => scheme } },
  dueAt: () => null,
}

/** A rollout is never due. Its id is that of its agent. */
export const rollouts: RecordTable<RolloutRecord> = {
  name: "rollouts",
  key: "rollout_pk",
  columns: { agent_id: { type: "text", of: ({ id }) => id } },
  dueAt: () => null,
}

export type StoredSchedule = StoredRecord<ScheduleRecord>
