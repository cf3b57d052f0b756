/**
 * Bulk operations in commits: each works on some runs, and moves its operation on, so a server that dies loses nothing and does nothing
 * twice.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 *
 * @since 0.1.0
 */
import { Effect, Either, Function } from "effect"
import type * as Ids from "../../model/Ids.js"
import { BulkNotFound } from "../../ports/BulkOperations.js"
import * as BulkRules from "../../rules/BulkRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import type { BulkRef } from "../rows/BulkRows.js"
import * as BulkActions from "./BulkActions.js"
import * as BulkTargets from "./BulkTargets.js"

/** The most runs of a part. A run that is submitted again brings a request with it. */
const mostOf = { cancel: 256, label: 256, retry: 64 } as const

/** The most runs of a part while others use the store: a claim waits a few milliseconds for it. */
const mostBeside = 32

/** How many runs more a part has than the one before it, while others do not use the store. */
const growth = 8

/**
 * The most runs of the next part: few where other requests came with the last one, and some more than before where none did.
 *
 * @since 0.1.0
 * @category operations
 */
export const sizeAfter = (last: number, others: boolean): number =>
  others ? mostBeside : Math.min(mostOf.cancel, last + growth)

/** The operation after its next part. */
const advance = <X>(
  batch: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
): Effect.Effect<BulkRules.BulkRecord, X> =>
  Effect.gen(function* () {
    const found = yield* BulkTargets.find(batch, record, Math.min(most, mostOf[record.action]))
    const { targets, verdicts } = yield* BulkActions.act(batch, record, found)
    return BulkRules.advance(record, { ...targets, verdicts }, batch.now)
  })

/** A new operation. `id`: the same one for the same idempotency key of a project. */
export interface Creation {
  readonly projectId: Ids.ProjectId
  readonly id: string
  readonly bulk: BulkRules.Checked
}

const begin = <X>(
  { now, rows }: RunBatch<X>,
  { bulk, id, projectId }: Creation,
): Effect.Effect<BulkRules.BulkRecord, X> =>
  Effect.gen(function* () {
    if (bulk.runIds !== undefined) return BulkRules.begin(bulk, { id, projectId, from: 0, to: 0 }, now)
    const { filter } = bulk
    const bounds = yield* rows.filters.bounds(filter?.from?.epochMillis, filter?.to?.epochMillis)
    const to = Math.min(bounds.before, (yield* rows.lastKey) + 1)
    return BulkRules.begin(bulk, { id, projectId, from: bounds.least, to }, now)
  })

/**
 * Makes operations. The first of a commit does its first part in it.
 *
 * @since 0.1.0
 * @category operations
 */
export const create = <X>(): RunOperation<
  Creation,
  BulkRules.BulkRecord,
  BulkRules.BulkRecord,
  never,
  X
> => ({
  name: "BulkOperations.create",
  decide: (requests, batch) =>
    Effect.forEach(requests, (creation, index) =>
      Effect.gen(function* () {
        const { bulk, id, projectId } = creation
        const found =
          bulk.idempotencyKey === undefined
            ? undefined
            : yield* batch.rows.bulk.find({ projectId, bulkId: id })
        if (found !== undefined) return Either.right(found.record)
        const begun = yield* begin(batch, creation)
        const record = index === 0 ? yield* advance(batch, begun, mostOf.cancel) : begun
        yield* batch.rows.bulk.insert(record)
        return Either.right(record)
      }),
    ),
  answer: Function.identity,
})

/**
 * Stops operations.
 *
 * @since 0.1.0
 * @category operations
 */
export const abort = <X>(): RunOperation<
  BulkRef,
  BulkRules.BulkRecord,
  BulkRules.BulkRecord,
  BulkNotFound,
  X
> => ({
  name: "BulkOperations.abort",
  decide: (requests, { now, rows: { bulk } }) =>
    Effect.forEach(requests, (ref) =>
      Effect.gen(function* () {
        const found = yield* bulk.find(ref)
        if (found === undefined) return Either.left(new BulkNotFound({ bulkId: ref.bulkId }))
        const record = BulkRules.abort(found.record, now)
        if (record !== found.record) yield* bulk.update({ key: found.key, record })
        return Either.right(record)
      }),
    ),
  answer: Function.identity,
})

/**
 * Does the next part of a running operation, with so many runs at most; false where there is none that another server is not working on.
 *
 * @since 0.1.0
 * @category operations
 */
export const work = <X>(): RunOperation<number, boolean, boolean, never, X> => ({
  name: "BulkOperations.work",
  decide: (requests, batch) =>
    Effect.gen(function* () {
      const { bulk } = batch.rows
      const found = yield* bulk.next
      if (found !== undefined) {
        yield* bulk.update({ key: found.key, record: yield* advance(batch, found.record, requests[0]) })
      }
      return requests.map(() => Either.right(found !== undefined))
    }),
  answer: Function.identity,
})
