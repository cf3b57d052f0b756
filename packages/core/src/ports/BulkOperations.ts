/**
 * The port of bulk operations: one action on many runs.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 */
import { Context, type Effect, Schema } from "effect"
import type { BulkId, BulkOperation, BulkStatus, NewBulk as Model } from "../model/BulkOperation.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type { SummaryFilter } from "./Summaries.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"

/** A bulk operation to be made, as `BulkOperation.NewBulk` describes it. Ids may be plain strings. */
export interface NewBulk extends Omit<typeof Model.Type, "filter" | "runIds"> {
  readonly filter?: SummaryFilter | undefined
  readonly runIds?: ReadonlyArray<string> | undefined
}

export interface ListBulk extends PageRequest {
  readonly status?: BulkStatus | undefined
}

/** No bulk operation of this project has that id. */
export class BulkNotFound extends Schema.TaggedError<BulkNotFound>("@runlease/core/BulkNotFound")(
  "BulkNotFound",
  { bulkId: Schema.String },
) {
  override get message() {
    return `Bulk operation ${this.bulkId} does not exist`
  }
}

/** The operation has a value that none can have, in `field`. `message` says what would be right. Nothing was changed. */
export class InvalidBulk extends Schema.TaggedError<InvalidBulk>("@runlease/core/InvalidBulk")(
  "InvalidBulk",
  { field: Schema.String, message: Schema.String },
) {}

export class BulkOperations extends Context.Tag("@runlease/core/BulkOperations")<
  BulkOperations,
  {
    /**
     * Begins an operation. The store works on it a part at a time, at most 256 runs in one commit, whether or not the caller stays. It is
     * for runs that were submitted before it, so it ends, and never touches what came later. A run that changes meanwhile is decided as
     * it is when its part comes. A small operation is complete when the call returns.
     *
     * A repeat with the same `idempotencyKey` returns the first operation as it is then, whatever else it names.
     *
     * `retry` submits each run under a public id of the operation and the run, oldest first, so a repeat makes no run twice.
     *
     * Fails: `InvalidBulk` names the field.
     */
    readonly create: (bulk: NewBulk) => Effect.Effect<BulkOperation, InvalidBulk | ControlPlaneError>

    readonly get: (bulkId: BulkId) => Effect.Effect<BulkOperation, BulkNotFound | ControlPlaneError>

    /** Newest first. */
    readonly list: (
      options?: ListBulk,
    ) => Effect.Effect<Page<BulkOperation>, InvalidCursor | ControlPlaneError>

    /** Stops it. What it has done stays. An operation that has ended stays as it is. */
    readonly abort: (bulkId: BulkId) => Effect.Effect<BulkOperation, BulkNotFound | ControlPlaneError>
  }
>() {}
