/** Callbacks: URLs that answer one question of a run, once. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { CallbackToken, Ids } from "@runlease/core"
import { Duration, Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { nullish, Timestamp } from "../Wire.js"

/** Seconds. The longest that a callback lasts. */
const maxSeconds = Duration.toSeconds(CallbackToken.maxLifetime)

export const expiresInSeconds = nullish(Schema.Int.pipe(Schema.between(1, maxSeconds))).annotations({
  description: `1 to ${maxSeconds}; 86400 when absent`,
})

/** The question that a callback answers: one of the two is there. */
export const NewCallback = Schema.Struct({
  interrupt_id: nullish(CallbackToken.InterruptId).annotations({ description: "The id of the interrupt" }),
  tool_call_id: nullish(Schema.NonEmptyString).annotations({ description: "The tool call that it is about" }),
  expires_in_seconds: expiresInSeconds,
}).pipe(
  Schema.filter(({ interrupt_id, tool_call_id }) =>
    (interrupt_id == null) === (tool_call_id == null)
      ? { path: ["interrupt_id"], message: "must be there, or tool_call_id: a callback answers one question" }
      : undefined,
  ),
)

/** A callback that was made. `url` has the token. */
export const IssuedCallback = Schema.Struct({
  url: Schema.String,
  token: Schema.String,
  expires_at: Timestamp,
}).annotations({ identifier: "Callback" })

/** The answer to a third party, which learns nothing of the run. */
export const Accepted = Schema.Struct({ accepted: Schema.Literal(true) })

const runPath = Schema.Struct({ run_id: Ids.RunId })

export const group = HttpApiGroup.make("callbacks")
  .add(
    HttpApiEndpoint.post("issue", "/projects/:project_reference/runs/:run_id/callback-token")
      .setPath(Schema.Struct({ project_reference: Schema.String, ...runPath.fields }))
      .setPayload(strict(NewCallback))
      .addSuccess(IssuedCallback, { status: 201 })
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Make a URL that answers a question once",
          description:
            "(ours) A third party without an API key answers an open question of the run by a POST of JSON to `url`. The URL answers this one question, once, and does nothing else. It ends after `expires_in_seconds`, with the API key that made it, or by a rotation of the tokens of the project. 409 `not_waiting` where the question is not open. It is in this answer and nowhere else.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "Callbacks", description: "URLs that answer one question of a run." }),
  )

export const answers = HttpApiGroup.make("callback")
  .add(
    HttpApiEndpoint.post("answer", "/runs/:run_id/callback")
      .setPath(runPath)
      .setUrlParams(Schema.Struct({ token: Schema.optional(Schema.String) }))
      .setPayload(Schema.Unknown)
      .addSuccess(Accepted)
      .addError(Refusal.Conflict)
      .addError(Refusal.Gone)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Answer a question by its URL",
          description:
            "(ours) Needs no header. The body is the answer, as JSON that fits the `response_schema` of the question. 409 `callback_used` where the question has an answer, and 409 `not_waiting` with `Retry-After` where the run does not wait for it yet. 410 `callback_expired`, or `callback_over` where the run has ended. 422 `answer_refused` for an answer that does not fit: the run waits on, and the URL may be used again. 401 for every other token.",
        }),
      ),
  )
  .addError(Refusal.Unauthorized)
  .addError(Refusal.TooMany)
  .middleware(JsonBody)
  .annotateContext(
    OpenApi.annotations({ title: "Answers by URL", description: "What third parties send to callbacks." }),
  )
