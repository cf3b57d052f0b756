import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { BulkOperations } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Bulk } from "../Wire/Bulk.js"
import * as Caller from "./Caller.js"
import * as ListRows from "./ListRows.js"

/** The bulk operations of the named project, which must be the caller's. */
const bulkOf = (path: { readonly project_reference: string }) =>
  Effect.map(Caller.project(path.project_reference), ({ ports }) =>
    Context.get(ports, BulkOperations.BulkOperations),
  )

export const layer = HttpApiBuilder.group(Api, "bulk", (handlers) =>
  handlers
    .handle("begin", ({ path, payload }) =>
      Effect.gen(function* () {
        const { keyId, ports } = yield* Caller.project(path.project_reference)
        const { create } = Context.get(ports, BulkOperations.BulkOperations)
        return { bulk: yield* create({ ...payload, createdBy: keyId }) }
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("list", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const { list } = yield* bulkOf(path)
        const page = yield* list(urlParams)
        return yield* ListRows.respond(Bulk, page, identity, ({ id }) => id, { cursor: urlParams.cursor })
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("get", ({ path }) =>
      Effect.gen(function* () {
        const { get } = yield* bulkOf(path)
        return { bulk: yield* get(path.bulk_id) }
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("abort", ({ path }) =>
      Effect.gen(function* () {
        const { abort } = yield* bulkOf(path)
        return { bulk: yield* abort(path.bulk_id) }
      }).pipe(Effect.mapError(Verdicts.encode)),
    ),
)
