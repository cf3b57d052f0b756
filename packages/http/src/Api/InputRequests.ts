/** Requests for input: the open questions of a conversation's runs, as fields that a person fills in. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { JsonObject } from "../Wire.js"
import { InputRequest, Status } from "../Wire/InputRequest.js"

const conversationPath = Schema.Struct({ conversation_id: Ids.ConversationId })
const requestPath = Schema.Struct({ ...conversationPath.fields, input_request_id: Schema.UUID })

const one = "/conversations/:conversation_id/input-requests/:input_request_id"

export const group = HttpApiGroup.make("inputRequests")
  .add(
    HttpApiEndpoint.get("list", "/conversations/:conversation_id/input-requests")
      .setPath(conversationPath)
      .setUrlParams(Schema.Struct({ status: Schema.optional(Status) }))
      .addSuccess(Schema.Struct({ data: Schema.Array(InputRequest) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the requests for input of a conversation",
          description:
            "Those of its runs that wait, the newest run first; `status` is `open` when absent. A request is a question of a run whose `response_schema` is shown as fields. What is secret is in no answer: `redacted_fields` names it.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("get", one)
      .setPath(requestPath)
      .addSuccess(InputRequest)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a request for input",
          description: "404 once the run waits for it no more.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("respond", `${one}/responses`)
      .setPath(requestPath)
      .setPayload(strict(Schema.Struct({ values: JsonObject })))
      .addSuccess(InputRequest, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Answer a request for input",
          description:
            "`values` are by the names of the fields. 422 `answer_refused` where they do not fit, and the request stays open. 409 where it has an answer, or was cancelled.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("cancel", `${one}/cancel`)
      .setPath(requestPath)
      .addSuccess(InputRequest)
      .annotateContext(
        OpenApi.annotations({
          summary: "Cancel a request for input",
          description:
            "The question is declined, and the run goes on with that. It is not cancelled. 409 where the request has an answer.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .addError(Refusal.Conflict)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Requests for input",
      description: "What the runs of a conversation request of a person.",
    }),
  )
