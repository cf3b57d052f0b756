/** The operations of a worker that share a request, and their answers. (ours) */
import { Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { atMost, nullish } from "../Wire.js"
import { ClaimedRun } from "../Wire/ClaimedRun.js"
import { Outcome } from "../Wire/Run.js"
import * as WholeJsonSchema from "../Wire/WholeJsonSchema.js"
import { Append, Appended } from "./Conversations.js"
import { CompletedReply } from "./RunBodies.js"
import { suspensionWith } from "./Suspension.js"
import { ClaimOptions, ReleaseOptions } from "./Workers.js"

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
export const Operations = Schema.Array(
  Schema.Unknown.annotations({ identifier: "Operation", jsonSchema: WholeJsonSchema.of(Operation) }),
).pipe(atMost(maxOperations))

/** `retry_after` is in seconds. */
export const Answer = Schema.Struct({
  status: Schema.Int,
  body: Schema.Unknown,
  retry_after: Schema.optional(Schema.Number),
})
export type Answer = typeof Answer.Type

export const Answers = Schema.Struct({ answers: Schema.Array(Answer) })
