/** Many operations of one worker in one request, each with its answer, and its requests over one connection. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { connect } from "./Connection.js"
import { Answers, Operations } from "./Operations.js"

export const Body = Schema.Struct({ operations: Operations })

export const group = HttpApiGroup.make("exchange")
  .add(
    HttpApiEndpoint.post("exchange", "/agent-workers/workers/:worker_id/exchange")
      .setPath(Schema.Struct({ worker_id: Ids.WorkerId }))
      .setPayload(Body)
      .addSuccess(Answers)
      .annotateContext(
        OpenApi.annotations({
          summary: "Do many operations of a worker",
          description:
            "The operations are done side by side. Each has an answer, in the order of the operations: the status and the body that its own endpoint would have answered, without the run.",
        }),
      ),
  )
  .add(connect)
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Exchange", description: "Many operations in one request." }))
