/**
 * What a user plugs in: turning a claimed run into a stream of events.
 *
 * @since 0.1.0
 */
import type { Stream } from "effect"
import { Context, Duration, Schema } from "effect"
import type { AgentEvent } from "./AgentEvent.js"
import type { ClaimedRun } from "./Run.js"

/**
 * The executor could not do the run.
 *
 * `retryable` hands the run back while attempts are left, after `retryAfter` when it is given and else
 * after the worker's back-off. `code` is for programs, `message` for people; both end up in the run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExecutorError extends Schema.TaggedError<ExecutorError>("@runlease/core/ExecutorError")(
  "ExecutorError",
  {
    code: Schema.String,
    message: Schema.String,
    retryable: Schema.optionalWith(Schema.Boolean, { default: () => false }),
    retryAfter: Schema.optional(Schema.DurationFromSelf),
    cause: Schema.optional(Schema.Defect),
  },
) {}

/**
 * Not a failure: the run cannot go on before the result of a tool call is there. It is suspended, its lease
 * freed, and the result is in the snapshot of its next claim.
 *
 * @since 0.1.0
 * @category errors
 */
export class AwaitToolResult extends Schema.TaggedError<AwaitToolResult>("@runlease/core/AwaitToolResult")(
  "AwaitToolResult",
  {
    toolCallId: Schema.String,
    toolName: Schema.String,
    /** How long to wait, 1 second to 365 days; the run then fails with code `wait_expired`. For ever when absent. */
    expiresAfter: Schema.optional(Schema.DurationFromSelf),
  },
) {}

export type ExecutorFailure = ExecutorError | AwaitToolResult

/** A retryable failure. */
export const retryable = (
  code: string,
  message: string,
  retryAfter?: Duration.DurationInput,
): ExecutorError =>
  new ExecutorError({
    code,
    message,
    retryable: true,
    ...(retryAfter === undefined ? {} : { retryAfter: Duration.decode(retryAfter) }),
  })

/** Waits for the result of a tool call, for a while when `expiresAfter` says so. */
export const awaitToolResult = (
  toolCallId: string,
  toolName: string,
  expiresAfter?: Duration.DurationInput,
): AwaitToolResult =>
  new AwaitToolResult({
    toolCallId,
    toolName,
    ...(expiresAfter === undefined ? {} : { expiresAfter: Duration.decode(expiresAfter) }),
  })

/**
 * The events of a run.
 *
 * The end of the stream completes the run. An `ExecutorError` fails it or hands it back. The stream is run in a
 * Scope of the run's own and is interrupted when the lease is lost, the run is cancelled, or the worker
 * drains; finalizers get a bounded grace. It is pulled only as fast as the log takes it. RUN_STARTED is not
 * needed; a RUN_FINISHED or RUN_ERROR that it emits ends the run as it says.
 *
 * @since 0.1.0
 * @category models
 */
export interface Execute {
  (run: ClaimedRun): Stream.Stream<AgentEvent, ExecutorFailure>
}

export class Executor extends Context.Tag("@runlease/core/Executor")<
  Executor,
  { readonly execute: Execute }
>() {}
