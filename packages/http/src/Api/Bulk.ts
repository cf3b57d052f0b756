/** Bulk operations: one action on many runs. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { BulkOperation as Model } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { pageOf, pageParams } from "../Wire.js"
import { Bulk, NewBulk } from "../Wire/Bulk.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const bulkPath = Schema.Struct({ project_reference: Schema.String, bulk_id: Model.BulkId })

/** The body of an answer about one operation. */
export const BulkReply = Schema.Struct({ bulk: Bulk })

export const BulkList = pageOf(Bulk)

export const group = HttpApiGroup.make("bulk")
  .add(
    HttpApiEndpoint.post("begin", "/projects/:project_reference/bulk")
      .setPath(projectPath)
      .setPayload(strict(NewBulk))
      .addSuccess(BulkReply, { status: 202 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Cancel, retry or label many runs",
          description:
            "The server works on it, 256 runs in one commit, also when the client leaves. It is for the runs that were submitted before it, so it ends. A run that changes meanwhile is decided as it is when its part comes. 422 `invalid_bulk` names the field: a filter that names nothing needs `all: true`. A small operation is `completed` in the answer; read one that is `running` again.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("list", "/projects/:project_reference/bulk")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct({ ...pageParams, status: Schema.optional(Model.BulkStatus) }))
      .addSuccess(BulkList)
      .annotateContext(
        OpenApi.annotations({
          summary: "List the bulk operations of a project",
          description: "Newest first. Those that have ended are deleted when runs of that age are.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("get", "/projects/:project_reference/bulk/:bulk_id")
      .setPath(bulkPath)
      .addSuccess(BulkReply)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a bulk operation",
          description:
            "`matched` is the sum of `done`, `skipped` and `failed` so far. Skipped are runs that had ended (`cancel`), have not ended (`retry`) or had the labels (`label`). `failures` are the first ten runs that refused it.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("abort", "/projects/:project_reference/bulk/:bulk_id/abort")
      .setPath(bulkPath)
      .addSuccess(BulkReply)
      .annotateContext(
        OpenApi.annotations({
          summary: "Stop a bulk operation",
          description: "What it has done stays. One that has ended stays as it is.",
        }),
      ),
  )
  .addError(Refusal.BadRequest)
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "Bulk operations", description: "(ours) One action on many runs." }),
  )
