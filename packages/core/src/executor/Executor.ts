/**
 * What a user plugs in: turning a claimed run into a stream of events.
 *
 * @since 0.1.0
 */
import type { Stream } from "effect"
import { Context, Duration, Schema } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Interrupts, ofToolCall } from "../model/Interrupt.js"
import type { ClaimedRun } from "../model/Run.js"

/**
 * The executor could not do the run.
 *
 * `retryable` hands the run back while attempts are left, after `retryAfter` when it is given and else
 * after the worker's back-off. `handBack` says that the worker cannot start such runs now, though another may: the run is
 * handed back at once with its attempt not counted, and the worker waits before it claims again. `code` is for programs,
 * `message` for people; both end up in the run.
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
    handBack: Schema.optional(Schema.Boolean),
    cause: Schema.optional(Schema.Defect),
  },
) {}

/**
 * Not a failure: the run cannot go on before it is answered. It is suspended, its lease freed, and the answers are in the
 * snapshot of its next claim.
 *
 * `expiresAfter`: how long to wait for those that name no time of their own, 1 second to 365 days; without an answer by
 * then the run fails with code `wait_expired`. For ever when absent.
 *
 * @since 0.1.0
 * @category errors
 */
export class AwaitAnswers extends Schema.TaggedError<AwaitAnswers>("@runlease/core/AwaitAnswers")(
  "AwaitAnswers",
  { interrupts: Interrupts, expiresAfter: Schema.optional(Schema.DurationFromSelf) },
) {
  override get message() {
    return `The run waits for answers to ${this.interrupts.map(({ id }) => id).join(", ")}`
  }
}

export type ExecutorFailure = ExecutorError | AwaitAnswers

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

/** Waits for answers to all of these, for a while when `expiresAfter` says so. */
export const awaitAnswers = (interrupts: Interrupts, expiresAfter?: Duration.DurationInput): AwaitAnswers =>
  new AwaitAnswers({
    interrupts,
    ...(expiresAfter === undefined ? {} : { expiresAfter: Duration.decode(expiresAfter) }),
  })

/** Waits for the result of a tool call, for a while when `expiresAfter` says so. */
export const awaitToolResult = (
  toolCallId: string,
  toolName: string,
  expiresAfter?: Duration.DurationInput,
): AwaitAnswers => awaitAnswers([ofToolCall(toolCallId, toolName)], expiresAfter)

/**
 * The events of a run.
 *
 * The end of the stream completes the run. An `ExecutorError` fails it or hands it back. The stream is run in a
 * Scope of the run's own and is interrupted when the lease is lost, the run is cancelled, or the worker
 * drains; finalizers get a bounded grace. It is pulled only as fast as the log takes it. RUN_STARTED is not
 * needed; a RUN_FINISHED or RUN_ERROR that it emits ends the run as it says.
 *
 * The stream finds the ports of the run's project in its context: the worker provides them with the run. A Layer of an
 * executor therefore needs no store.
 *
 * Source: docs/decisions/0027-a-run-carries-its-ports.md
 *
 * @since 0.1.0
 * @category models
 */
export interface Execute {
  (run: ClaimedRun): Stream.Stream<LogEvent, ExecutorFailure, ProjectPorts>
}

export class Executor extends Context.Tag("@runlease/core/Executor")<
  Executor,
  { readonly execute: Execute }
>() {}
