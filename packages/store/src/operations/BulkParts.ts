/**
 * Bulk operations in commits: each works on some runs, and moves its operation on, so a server that dies loses nothing and does nothing
 * twice.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 */
import { BulkNotFound } from "@runlease/core/BulkOperations"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import { Effect, Either, Function } from "effect"
import * as BulkRules from "../rules/BulkRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import { bulkOperations as table, type RecordRef } from "../rows/Records.js"
import type { RunRef } from "../rows/RunRows.js"
import type { Reading } from "../rows/StoreReads.js"
import * as BulkActions from "./BulkActions.js"
import * as BulkSeeds from "./BulkSeeds.js"
import * as BulkTargets from "./BulkTargets.js"

/** The most runs of a part. A run that is submitted again brings a request with it. */
const mostOf = { cancel: 256, label: 256, retry: 64 } as const

/** The most runs of a part while others use the store: a claim waits a few milliseconds for it. */
const mostBeside = 32

/** How many runs more a part has than the one before it, while others do not use the store. */
const growth = 8

/** The most runs of the next part: few where other requests came with the last one, and some more than before where none did. */
export const sizeAfter = (last: number, others: boolean): number =>
  others ? mostBeside : Math.min(mostOf.cancel, last + growth)

/**
 * An operation after a part of it. `unread`: the runs whose retries were left, since the part does not have what they begin with. A part that
 * left all of its runs changes nothing, so the operation stays the next one.
 */
export interface Advanced {
  readonly record: BulkRules.BulkRecord
  readonly unread: ReadonlyArray<RunRef>
}

/** The operation after its next part. */
const advance = <X>(
  batch: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
  seeds: BulkSeeds.Seeds,
): Effect.Effect<Advanced, X> =>
  Effect.gen(function* () {
    const found = yield* BulkTargets.find(batch, record, Math.min(most, mostOf[record.action]))
    const { targets, unread = [], verdicts } = yield* BulkActions.act(batch, record, found, seeds)
    return verdicts.length === 0 && unread.length > 0
      ? { record, unread }
      : { record: BulkRules.advance(record, { ...targets, verdicts }, batch.now), unread }
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

/** Makes operations. The first of a commit does its first part in it. */
export const create = <X>(): RunOperation<Creation, Advanced, Advanced, never, X> => ({
  name: "BulkOperations.create",
  decide: (requests, batch) =>
    Effect.forEach(requests, (creation, index) =>
      Effect.gen(function* () {
        const { bulk, id, projectId } = creation
        const found =
          bulk.idempotencyKey === undefined
            ? undefined
            : yield* batch.rows.records(table).find({ projectId, id })
        if (found !== undefined) return Either.right({ record: found.record, unread: [] })
        const begun = yield* begin(batch, creation)
        const advanced =
          index === 0
            ? yield* advance(batch, begun, mostOf.cancel, BulkSeeds.none)
            : { record: begun, unread: [] }
        yield* batch.rows.records(table).insert([advanced.record])
        return Either.right(advanced)
      }),
    ),
  answer: Function.identity,
})

/** Stops operations. */
export const abort = <X>(): RunOperation<
  RecordRef,
  BulkRules.BulkRecord,
  BulkRules.BulkRecord,
  BulkNotFound,
  X
> => ({
  name: "BulkOperations.abort",
  decide: (requests, { now, rows }) =>
    Effect.forEach(requests, (ref) =>
      Effect.gen(function* () {
        const bulk = rows.records(table)
        const found = yield* bulk.find(ref)
        if (found === undefined) return Either.left(new BulkNotFound({ bulkId: ref.id }))
        const record = BulkRules.abort(found.record, now)
        if (record !== found.record) yield* bulk.update([{ key: found.key, record }])
        return Either.right(record)
      }),
    ),
  answer: Function.identity,
})

/** The next part of a running operation: of `ref`, or of one that no other server is working on. It has `most` runs at most. */
export interface Work {
  readonly ref?: RecordRef | undefined
  readonly most: number
  readonly seeds: BulkSeeds.Seeds
}

/** The operation whose last part is the longest ago. */
const nextOne = { count: 1, bytes: 0 }

/** Does the next part; undefined where there is none. */
export const work = <X>(): RunOperation<Work, Advanced | undefined, Advanced | undefined, never, X> => ({
  name: "BulkOperations.work",
  decide: (requests, batch) =>
    Effect.forEach(requests, ({ most, ref, seeds }) =>
      Effect.gen(function* () {
        const bulk = batch.rows.records(table)
        const [found] =
          ref === undefined ? yield* bulk.due(Number.MAX_SAFE_INTEGER, nextOne) : [yield* bulk.find(ref)]
        if (found?.record.status !== "running") return Either.right(undefined)
        const advanced = yield* advance(batch, found.record, most, seeds)
        if (advanced.record !== found.record)
          yield* bulk.update([{ key: found.key, record: advanced.record }])
        return Either.right(advanced)
      }),
    ),
  answer: Function.identity,
})

/**
 * Reads what the retries begin with that a part has left, and does the next part of its operation with that. An operation that has left none
 * stays as it is.
 */
export const continuing = <X>(
  reads: Reading<X>,
  commits: RunCommits<X>,
): ((advanced: Advanced) => Effect.Effect<Advanced, ControlPlaneUnavailable>) => {
  const workWith = commits.operation(work<X>())
  return (advanced) =>
    Effect.gen(function* () {
      const { record, unread } = advanced
      if (unread.length === 0) return advanced
      const ref = { projectId: Ids.ProjectId.make(record.projectId), id: record.id }
      const seeds = yield* BulkSeeds.read(reads, "BulkOperations.work", unread)
      return (yield* workWith({ ref, most: unread.length, seeds })) ?? advanced
    })
}
