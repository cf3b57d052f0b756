/** Many operations of one worker in one request, each with its answer. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { atMost, nullish } from "../Wire.js"
import { ClaimedRun } from "../Wire/ClaimedRun.js"
import { Outcome } from "../Wire/Run.js"
import { Append, Appended } from "./Conversations.js"
import * as WholeJsonSchema from "../Wire/WholeJsonSchema.js"
import { CompletedReply } from "./RunBodies.js"
import { ClaimOptions, ReleaseOptions } from "./Workers.js"
import { suspensionWith } from "./Suspension.js"

/** The most operations that one exchange takes. */
export const maxOperations = 256

const lease = { run_id: Ids.RunId, lease_epoch: nullish(Run.LeaseEpoch) }

const trace = {
  traceparent: Schema.optional(Schema.String).annotations({
    description: "The span that this operation belongs to, as in the header of that name",
  }),
}

/** Each is what the endpoint of its name takes, and the lease that it requires. A claim does not wait. */
export const Operation = Schema.Union(
  Schema.Struct({
    operation: Schema.Literal("claim"),
    ...trace,
    ...ClaimOptions.omit("wait_seconds").fields,
  }),
  Schema.Struct({ operation: Schema.Literal("append"), ...trace, ...lease, ...Append.fields }),
  Schema.Struct({
    operation: Schema.Literal("complete"),
    ...trace,
    ...lease,
    ...Outcome.fields,
    last: Schema.optional(
      Schema.Struct({
        events: Append.fields.events,
        expected_previous_external_event_sequence: Run.Sequence,
      }),
    ).annotations({ description: "The events that the run ends with, appended in the same commit" }),
  }),
  Schema.Struct({ operation: Schema.Literal("release"), ...trace, ...lease, ...ReleaseOptions.fields }),
  suspensionWith({ operation: Schema.Literal("suspend"), ...trace, ...lease }),
)
export type Operation = typeof Operation.Type

/** The body of the answer to each operation, when its status is 200. */
export const Replies = {
  claim: Schema.Struct({ runs: Schema.Array(ClaimedRun) }),
  append: Appended.omit("run"),
  complete: CompletedReply.omit("run"),
} as const

/** Read one by one, so that one that is wrong is refused alone. */
const Operations = Schema.Array(
  Schema.Unknown.annotations({ identifier: "Operation", jsonSchema: WholeJsonSchema.of(Operation) }),
).pipe(atMost(maxOperations))

export const Body = Schema.Struct({ operations: Operations })

/** `retry_after` is in seconds. */
export const Answer = Schema.Struct({
  status: Schema.Int,
  body: Schema.Unknown,
  retry_after: Schema.optional(Schema.Number),
})
export type Answer = typeof Answer.Type

export const Answers = Schema.Struct({ answers: Schema.Array(Answer) })

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
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Exchange", description: "Many operations in one request." }))
