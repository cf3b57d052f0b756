/** A thread of an AG-UI client, as it is looked up. Its names are AG-UI's own. */
import { Schema } from "effect"

const JsonObjects = Schema.Array(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

/**
 * `queued`: the run is to be claimed. `running`: a worker has it. `waiting`: the client is to answer. `idle`: there is
 * none.
 */
export const ThreadStatus = Schema.Literal("idle", "queued", "running", "waiting")
export type ThreadStatus = typeof ThreadStatus.Type

/**
 * `runId` is the run that has its turn, as its client knows it, and `queuedRunIds` those behind it. `messages` are the
 * newest of the thread, and `omittedMessages` is the number of older ones. `state` is null where
 * there is none, and where it is `stateOmitted` since it is too large.
 */
export const ThreadView = Schema.Struct({
  threadId: Schema.String,
  status: ThreadStatus,
  runId: Schema.NullOr(Schema.String),
  agentId: Schema.NullOr(Schema.String),
  queuedRunIds: Schema.Array(Schema.String),
  messages: JsonObjects,
  omittedMessages: Schema.NonNegativeInt,
  state: Schema.Unknown,
  stateOmitted: Schema.Boolean,
  interrupts: JsonObjects.annotations({ description: "What the run waits for, as RUN_FINISHED has it" }),
  pendingToolCallIds: Schema.Array(Schema.String).annotations({
    description: "The calls of the client's own tools that the run waits for",
  }),
}).annotations({ identifier: "Thread" })
export type ThreadView = typeof ThreadView.Type
