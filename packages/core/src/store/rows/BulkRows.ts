/**
 * The rows of bulk operations, whatever the tables of a store are.
 *
 * `X` is the failure of the store.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 */
import type { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import type { BulkStatus } from "../../model/BulkOperation.js"
import type { BulkRecord } from "../../rules/BulkRules.js"

/** The number of a bulk operation, which grows. */
export type BulkKey = number

export interface StoredBulk {
  readonly key: BulkKey
  readonly record: BulkRecord
}

/** Names a bulk operation of a project. */
export interface BulkRef {
  readonly projectId: Ids.ProjectId
  readonly bulkId: string
}

/**
 * The bulk operations of one transaction. What it finds is locked where rows have locks.
 *
 * @category models
 */
export interface BulkRows<X> {
  /** The running operation whose last part is the longest ago, of those that no other transaction is writing. */
  readonly next: Effect.Effect<StoredBulk | undefined, X>
  readonly find: (ref: BulkRef) => Effect.Effect<StoredBulk | undefined, X>
  readonly insert: (record: BulkRecord) => Effect.Effect<void, X>
  readonly update: (bulk: StoredBulk) => Effect.Effect<void, X>
}

/**
 * Reads of bulk operations outside of a transaction.
 *
 * @category models
 */
export interface BulkReads<X> {
  readonly find: (ref: BulkRef) => Effect.Effect<StoredBulk | undefined, X>

  /** The newest operations that are older than `before`, as many as a page has and one more. */
  readonly list: (
    projectId: Ids.ProjectId,
    filter: { readonly status?: BulkStatus | undefined },
    page: { readonly before: BulkKey; readonly limit: number },
  ) => Effect.Effect<ReadonlyArray<StoredBulk>, X>
}
