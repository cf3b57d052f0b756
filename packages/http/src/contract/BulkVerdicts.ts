/** The verdicts of bulk operations. A field has its name on the wire there, and its name in core here. */
import { BulkOperations } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Effect } from "effect"
import { camelCase } from "./ScheduleVerdicts.js"
import type { ErrorOf, Verdict } from "./Verdict.js"

type Tag = "BulkNotFound" | "InvalidBulk"

/** Names of labels stay as they are. */
const onWire = (field: string): string => (field.startsWith("labels.") ? field : SnakeCase.snakeCase(field))

export const bulkVerdicts: { readonly [T in Tag]: Verdict<ErrorOf<T>> } = {
  BulkNotFound: {
    status: 404,
    codes: ["bulk_not_found"],
    encode: ({ message }) => ({ error: "bulk_not_found", detail: message, field: "bulk_id" }),
    decode: (_, { bulkId = "" }) => Effect.succeed(new BulkOperations.BulkNotFound({ bulkId })),
  },
  InvalidBulk: {
    status: 422,
    codes: ["invalid_bulk", "invalid_request"],
    encode: ({ field, message }) => ({
      error: "invalid_bulk",
      detail: `${onWire(field)}: ${message}`,
      field: onWire(field),
    }),
    decode: ({ detail, field = "" }) => {
      const message = detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail
      return Effect.succeed(new BulkOperations.InvalidBulk({ field: camelCase(field), message }))
    },
  },
}
