/** What runs have used. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, Usage } from "@runlease/core"
import { Schema } from "effect"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"

export const group = HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("usage", "/runs/:run_id/usage")
      .setPath(Schema.Struct({ run_id: Ids.RunId }))
      .setUrlParams(Schema.Struct({ tree: Schema.optional(Schema.BooleanFromString) }))
      .addSuccess(Schema.Struct({ ...Usage.Usage.fields, lineage: Schema.optional(Usage.Usage) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "What a run has used",
          description:
            "In all of its attempts: tokens of each provider and model, and `cost` in millionths, where its executor reports it. `unfinished` counts answers of a model that were requested and did not arrive whole, whose price is not known. With `tree=true` its children, and theirs, are in the sum: the tree that spends one budget. `lineage` is then what retries, forks and detached children of these runs have used, and all that come from those.",
        }),
      ),
  )
  .addError(Refusal.BadRequest)
  .addError(Refusal.NotFound)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Usage", description: "What runs have used." }))
