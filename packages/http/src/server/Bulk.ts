import { BulkOperations } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { Bulk } from "../Wire/Bulk.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"

/** The bulk operations of the named project, which must be the caller's. */
const bulkOf = (path: { readonly project_reference: string }) =>
  Effect.map(Caller.project(path.project_reference), ({ ports }) =>
    Context.get(ports, BulkOperations.BulkOperations),
  )

export const layer = group("bulk", (handlers) =>
  handlers
    .handle("begin", ({ path, payload }) =>
      Effect.gen(function* () {
        const { keyId, ports } = yield* Caller.project(path.project_reference)
        const { create } = Context.get(ports, BulkOperations.BulkOperations)
        return { bulk: yield* create({ ...payload, createdBy: keyId }) }
      }),
    )
    .handle("list", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const { list } = yield* bulkOf(path)
        const page = yield* list(urlParams)
        return yield* ListRows.respond(Bulk, page, identity, ({ id }) => id, { cursor: urlParams.cursor })
      }),
    )
    .handle("get", ({ path }) =>
      Effect.gen(function* () {
        const { get } = yield* bulkOf(path)
        return { bulk: yield* get(path.bulk_id) }
      }),
    )
    .handle("abort", ({ path }) =>
      Effect.gen(function* () {
        const { abort } = yield* bulkOf(path)
        return { bulk: yield* abort(path.bulk_id) }
      }),
    ),
)
