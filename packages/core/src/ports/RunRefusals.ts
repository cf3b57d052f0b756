/** Why a run is not forked or retried, why it takes no message, and why a submission becomes no run for now. */
import { Schema } from "effect"
import { maxMessages } from "../model/InboxMessage.js"
import { maxEventBytes } from "./RunLog.js"

/**
 * The run cannot be forked there. `no_event`: its log has no such event. `too_large`: it had recorded more than 10,000 events or 16
 * MiB by then.
 */
export class ForkRefused extends Schema.TaggedError<ForkRefused>("@runlease/core/ForkRefused")(
  "ForkRefused",
  {
    runId: Schema.String,
    after: Schema.Number,
    reason: Schema.Literal("no_event", "too_large"),
  },
) {
  override get message() {
    return this.reason === "no_event"
      ? `The log of run ${this.runId} has no event ${this.after}`
      : `Run ${this.runId} had recorded too much by event ${this.after}: a fork copies up to 10,000 events and 16 MiB`
  }
}

/** The run is not submitted again with its records. `too_large`: they are more than 10,000 events or 16 MiB. */
export class RetryRefused extends Schema.TaggedError<RetryRefused>("@runlease/core/RetryRefused")(
  "RetryRefused",
  { runId: Schema.String, reason: Schema.Literal("too_large") },
) {
  override get message() {
    return `Run ${this.runId} has recorded more than a retry copies, 10,000 events and 16 MiB; retry it from the start, or fork it at an earlier event`
  }
}

/** The run does not take the message. `too_large`: it is more than an event of the log takes. `too_many`: the run has 10,000 messages. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>("@runlease/core/MessageRefused")(
  "MessageRefused",
  { runId: Schema.String, reason: Schema.Literal("too_large", "too_many") },
) {
  override get message() {
    return this.reason === "too_large"
      ? `The message is too large: it must be less than ${maxEventBytes} bytes of JSON`
      : `Run ${this.runId} has ${maxMessages} messages, and takes no more`
  }
}

/**
 * As many runs of the key `key` of limit `name` wait for their first start as its `maxPending` allows. Nothing is changed. The same submission
 * may be sent again after `retryAfterSeconds`.
 */
export class TooManyPending extends Schema.TaggedError<TooManyPending>("@runlease/core/TooManyPending")(
  "TooManyPending",
  { name: Schema.String, key: Schema.String, maxPending: Schema.Number, retryAfterSeconds: Schema.Number },
) {
  override get message() {
    return `Limit ${this.name} takes no further run of ${this.key} for now: ${this.maxPending} may wait for their start`
  }
}
