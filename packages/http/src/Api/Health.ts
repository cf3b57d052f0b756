/** Whether the server lives, and whether it gets work done. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Refusal from "../contract/Refusal.js"

const Healthy = Schema.Struct({ status: Schema.Literal("ok") })

export const group = HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("healthz", "/healthz")
      .addSuccess(Healthy)
      .annotateContext(
        OpenApi.annotations({
          summary: "Whether the server lives",
          description: "Reads nothing from the store.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("readyz", "/readyz")
      .addSuccess(Healthy)
      .addError(Refusal.Unavailable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Whether the server gets work done",
          description:
            "503 when the store does not answer or confirms no commit, or when claims at this server have had no answer for 15 seconds. A server that no worker claims from is ready.",
        }),
      ),
  )
  .annotateContext(OpenApi.annotations({ title: "Health", description: "For what watches the server." }))
