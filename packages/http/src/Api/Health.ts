/**
 * Whether the server lives, and whether its store answers.
 *
 * @since 0.1.0
 */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import * as Refusal from "../contract/Refusal.js"
import * as Doc from "./Doc.js"

const Healthy = Schema.Struct({ status: Schema.Literal("ok") })

export const group = HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("healthz", "/healthz")
      .addSuccess(Healthy)
      .annotateContext(Doc.of("Whether the server lives", "Asks nothing of the store.")),
  )
  .add(
    HttpApiEndpoint.get("readyz", "/readyz")
      .addSuccess(Healthy)
      .addError(Refusal.Unavailable)
      .annotateContext(Doc.of("Whether the store answers", "503 when it does not.")),
  )
  .annotateContext(OpenApi.annotations({ title: "Health", description: "For whoever watches the server." }))
