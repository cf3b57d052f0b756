import { type BulkOperation, BulkOperations, type ControlPlaneError } from "@runlease/core"
import { type Context, Effect, ParseResult, Schema, Struct } from "effect"
import * as Api from "../Api/Bulk.js"
import { camelCase } from "../contract/ScheduleVerdicts.js"
import * as Strict from "../contract/Strict.js"
import { NewBulk } from "../Wire/Bulk.js"
import { Extensions, missing } from "./Extensions.js"
import { path, Transport } from "./Transport.js"

const encode = Schema.encodeUnknown(NewBulk)

/** The body of a request; a value that the wire does not take is refused here as the server would refuse it. */
const bodyOf = (bulk: BulkOperations.NewBulk) =>
  Effect.mapError(encode(Struct.omit(bulk, "createdBy")), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    return new BulkOperations.InvalidBulk({
      field: camelCase(issue?.path.map(String).join(".") ?? ""),
      message: issue === undefined ? "is malformed" : Strict.sentence(issue),
    })
  })

export const make = (
  project: string,
): Effect.Effect<Context.Tag.Service<BulkOperations.BulkOperations>, never, Extensions | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const extensions = yield* Extensions

    const ofOne = (
      operation: string,
      method: "GET" | "POST",
      bulkId: BulkOperation.BulkId,
      address: string,
    ): Effect.Effect<
      BulkOperation.BulkOperation,
      BulkOperations.BulkNotFound | ControlPlaneError.ControlPlaneError
    > =>
      extensions
        ? Effect.map(
            transport.call({ operation, method, path: address, success: Api.BulkReply }, ["BulkNotFound"], {
              bulkId,
            }),
            ({ bulk }) => bulk,
          )
        : missing(operation, "do one thing to many runs")

    return {
      create: Effect.fnUntraced(function* (bulk) {
        if (!extensions) return yield* missing("BulkOperations.create", "do one thing to many runs")
        const reply = yield* transport.call(
          {
            operation: "BulkOperations.create",
            method: "POST",
            path: path`/projects/${project}/bulk`,
            body: yield* bodyOf(bulk),
            success: Api.BulkReply,
          },
          ["InvalidBulk"],
        )
        return reply.bulk
      }),

      get: (bulkId) => ofOne("BulkOperations.get", "GET", bulkId, path`/projects/${project}/bulk/${bulkId}`),

      abort: (bulkId) =>
        ofOne("BulkOperations.abort", "POST", bulkId, path`/projects/${project}/bulk/${bulkId}/abort`),

      list: Effect.fnUntraced(function* (options) {
        if (!extensions) return yield* missing("BulkOperations.list", "do one thing to many runs")
        const { data, page_info } = yield* transport.call(
          {
            operation: "BulkOperations.list",
            method: "GET",
            path: path`/projects/${project}/bulk`,
            query: { ...options },
            success: Api.BulkList,
          },
          ["InvalidCursor"],
          { cursor: options?.cursor },
        )
        return { items: data, next: page_info.next }
      }),
    }
  })
