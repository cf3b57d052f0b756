/** Agents, as clients of OpenAI Responses have them: `/openai/v1` is the base of their addresses. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Authorization } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import { JsonBody } from "@runlease/http/face/Endpoint"
import { Schema } from "effect"

const response = Schema.Struct({ response_id: Schema.String })

const json = Schema.Unknown

const stream = Schema.String.pipe(
  HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" }),
)

const about = (summary: string, description: string) => OpenApi.annotations({ summary, description })

export const group = HttpApiGroup.make("responses")
  .add(
    HttpApiEndpoint.post("createResponse", "/openai/v1/responses")
      .addSuccess(json)
      .addSuccess(stream)
      .annotateContext(
        about(
          "Create a response",
          "Takes the body of OpenAI Responses; `model` names the agent. Waits until the response ends, follows it with `stream`, or answers at once with `background`. `previous_response_id` continues a response. Functions are the only tools, and leaving cancels nothing.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.get("getResponse", "/openai/v1/responses/:response_id")
      .setPath(response)
      .addSuccess(json)
      .addSuccess(stream)
      .annotateContext(
        about(
          "Read a response",
          "The response with its output so far. With `stream=true` its events from the first on, or those after the `sequence_number` in `starting_after`.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.post("cancelResponse", "/openai/v1/responses/:response_id/cancel")
      .setPath(response)
      .addSuccess(json)
      .annotateContext(
        about(
          "Cancel a response",
          "Cancels a response in the background. One that has ended stays as it is.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.get("listInputItems", "/openai/v1/responses/:response_id/input_items")
      .setPath(response)
      .addSuccess(json)
      .annotateContext(
        about(
          "List the input of a response",
          "Its items and those of the responses before. Parameters: after, limit (20; 1 to 100), order (desc; asc).",
        ),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "OpenAI Responses",
      description:
        "Agents for clients of OpenAI Responses, whose base URL is `/openai/v1`. Errors have the shape of that API.",
    }),
  )
