import type { BulkOperations } from "@runlease/core"
import { type Context, Effect, Struct } from "effect"
import * as Api from "../Api/Bulk.js"
import * as Endpoints from "./Endpoints.js"
import { Extensions, missing } from "./Extensions.js"
import type { Transport } from "./Transport.js"

const purpose = "do one thing to many runs"

export const make: Effect.Effect<
  Context.Tag.Service<BulkOperations.BulkOperations>,
  never,
  Extensions | Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("BulkOperations", Api.group)
  const extensions = yield* Extensions

  return {
    create: Effect.fnUntraced(function* (bulk) {
      const operation = "BulkOperations.create"
      if (!extensions) return yield* missing(operation, purpose)
      const reply = yield* call("begin", { operation, body: Struct.omit(bulk, "createdBy") }, ["InvalidBulk"])
      return reply.bulk
    }),

    get: Effect.fnUntraced(function* (bulkId) {
      if (!extensions) return yield* missing("BulkOperations.get", purpose)
      const reply = yield* call("get", { path: { bulk_id: bulkId } }, ["BulkNotFound"], { bulkId })
      return reply.bulk
    }),

    abort: Effect.fnUntraced(function* (bulkId) {
      if (!extensions) return yield* missing("BulkOperations.abort", purpose)
      const reply = yield* call("abort", { path: { bulk_id: bulkId } }, ["BulkNotFound"], { bulkId })
      return reply.bulk
    }),

    list: Effect.fnUntraced(function* (options) {
      if (!extensions) return yield* missing("BulkOperations.list", purpose)
      const { data, page_info } = yield* call("list", { query: { ...options } }, ["InvalidCursor"], {
        cursor: options?.cursor,
      })
      return { items: data, next: page_info.next }
    }),
  }
})
