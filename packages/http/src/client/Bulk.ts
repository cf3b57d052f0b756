import type { BulkOperations } from "@runlease/core"
import { type Context, Effect, Struct } from "effect"
import * as Api from "../Api/Bulk.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

export const make: Effect.Effect<
  Context.Tag.Service<BulkOperations.BulkOperations>,
  never,
  Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("BulkOperations", Api.group)

  return {
    create: Effect.fnUntraced(function* (bulk) {
      const operation = "BulkOperations.create"
      const reply = yield* call("begin", { operation, body: Struct.omit(bulk, "createdBy") }, ["InvalidBulk"])
      return reply.bulk
    }),

    get: Effect.fnUntraced(function* (bulkId) {
      const reply = yield* call("get", { path: { bulk_id: bulkId } }, ["BulkNotFound"], { bulkId })
      return reply.bulk
    }),

    abort: Effect.fnUntraced(function* (bulkId) {
      const reply = yield* call("abort", { path: { bulk_id: bulkId } }, ["BulkNotFound"], { bulkId })
      return reply.bulk
    }),

    list: Effect.fnUntraced(function* (options) {
      const { data, page_info } = yield* call("list", { query: { ...options } }, ["InvalidCursor"], {
        cursor: options?.cursor,
      })
      return { items: data, next: page_info.next }
    }),
  }
})
