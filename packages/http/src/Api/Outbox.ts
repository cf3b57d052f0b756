/** Rows of the outbox that became no run. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import type { RefusedRows } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { as, atMost, nullish, pageOf, pageParams, renamed, Timestamp } from "../Wire.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })

/** A row: every key, always. */
export const RefusedRow = as<RefusedRows.RefusedRow>()(
  renamed({
    id: Schema.String,
    project: Schema.String,
    submission: Schema.Unknown.annotations({ description: "Null where it has more than 65,536 characters" }),
    code: Schema.String,
    message: Schema.String,
    createdAt: Timestamp,
    refusedAt: Timestamp,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "RefusedRow" })

const Chosen = Schema.Struct({
  row_ids: nullish(atMost(1000)(Schema.Array(Schema.String))),
  all: nullish(Schema.Boolean).annotations({ description: "The oldest 1,000" }),
}).pipe(
  Schema.filter(({ all, row_ids }) => (all === true) !== (row_ids != null && row_ids.length > 0), {
    message: () => "names rows by `row_ids`, or the oldest 1,000 by `all`",
  }),
)

export const Changed = Schema.Struct({ rows: Schema.NonNegativeInt })

export const group = HttpApiGroup.make("outbox")
  .add(
    HttpApiEndpoint.get("refused", "/projects/:project_reference/outbox/refused")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(RefusedRow))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the refused rows of the outbox",
          description:
            "Rows that name this project and became no run, newest first. `code` is the name of the error that a submission would have failed with.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("retryRows", "/projects/:project_reference/outbox/refused/retry")
      .setPath(projectPath)
      .setPayload(strict(Chosen))
      .addSuccess(Changed, { status: 202 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Insert refused rows again",
          description: "Each becomes a run, or is refused again. `rows` is how many were inserted.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("discardRows", "/projects/:project_reference/outbox/refused/discard")
      .setPath(projectPath)
      .setPayload(strict(Chosen))
      .addSuccess(Changed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Delete refused rows",
          description: "Their submissions are lost. `rows` is how many were deleted.",
        }),
      ),
  )
  .addError(Refusal.BadRequest)
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Outbox",
      description: "(ours) Rows that applications insert in transactions of their own.",
    }),
  )
