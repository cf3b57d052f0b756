/** The port of bulk operations over a store. */
import { BulkOperation as Model } from "@runlease/core/BulkOperation"
import { BulkNotFound, type BulkOperations } from "@runlease/core/BulkOperations"
import { uuidOf } from "@runlease/core/Digest"
import * as Ids from "@runlease/core/Ids"
import { keysOf } from "@runlease/core/Page"
import { Effect, Schema } from "effect"
import * as BulkRules from "../rules/BulkRules.js"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import { bulkOperations } from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as BulkParts from "./BulkParts.js"

const decode = Schema.decodeSync(Model)

const toModel = ({ from: _from, runIds: _runIds, to: _to, ...bulk }: BulkRules.BulkRecord) => decode(bulk)

/** The port of bulk operations of any project. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
): ((projectId: Ids.ProjectId) => BulkOperations["Type"]) => {
  const create = commits.operation(BulkParts.create<X>())
  const abort = commits.operation(BulkParts.abort<X>())
  const reads = StoreReads.reading(store)
  const continueBulk = BulkParts.continuing(reads, commits)
  const { read } = reads

  return (projectId) => ({
    create: Effect.fnUntraced(function* (bulk) {
      const checked = yield* BulkRules.check(bulk)
      const { idempotencyKey: key } = checked
      const id = key === undefined ? yield* Ids.uuidV7 : uuidOf(`bulk ${key}`)
      const { record } = yield* Effect.flatMap(create({ projectId, id, bulk: checked }), continueBulk)
      if (record.status === "running") yield* wakeups.dueSooner
      return toModel(record)
    }),

    get: (bulkId) =>
      Effect.flatMap(
        read("BulkOperations.get", ({ records }) => records(bulkOperations).find({ projectId, id: bulkId })),
        (found) =>
          found === undefined ? new BulkNotFound({ bulkId }) : Effect.succeed(toModel(found.record)),
      ),

    list: Effect.fnUntraced(function* (options = {}) {
      const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(options.cursor, [Number.MAX_SAFE_INTEGER])
      const limit = KeysetPage.limitOf(options)
      const found = yield* read("BulkOperations.list", ({ records }) =>
        records(bulkOperations).list(projectId, { status: options.status }, { before, limit }),
      )
      return KeysetPage.pageOf(
        found,
        limit,
        ({ key }) => [key],
        ({ record }) => toModel(record),
      )
    }),

    abort: (bulkId) => Effect.map(abort({ projectId, id: bulkId }), toModel),
  })
}
