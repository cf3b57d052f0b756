/** How a run fails in its executor, and how it waits for answers. */
import { Duration, Schema } from "effect"
import { Interrupts, ofToolCall } from "../model/Interrupt.js"

/**
 * The executor could not do the run.
 *
 * `retryable` hands the run back while attempts are left, after `retryAfter` when it is set and else
 * after the worker's back-off. `handBack` says that the worker cannot start such runs now, though another may: the run is
 * handed back at once with its attempt not counted, and the worker waits before it claims again. `code` is for programs,
 * `message` for people, `detail` is JSON for a program that knows the agent; all three end up in the run.
 */
export class ExecutorError extends Schema.TaggedError<ExecutorError>("@runlease/core/ExecutorError")(
  "ExecutorError",
  {
    code: Schema.String,
    message: Schema.String,
    retryable: Schema.optionalWith(Schema.Boolean, { default: () => false }),
    retryAfter: Schema.optional(Schema.DurationFromSelf),
    handBack: Schema.optional(Schema.Boolean),
    detail: Schema.optional(Schema.Unknown),
    cause: Schema.optional(Schema.Defect),
  },
) {}

/**
 * Not a failure: the run cannot go on before it is answered. It is suspended, its lease freed, and the answers are in the
 * snapshot of its next claim.
 *
 * `expiresAfter`: how long to wait for those that name no time of their own, 1 second to 365 days; without an answer by
 * then the run fails with code `wait_expired`. For ever when absent.
 */
export class AwaitAnswers extends Schema.TaggedError<AwaitAnswers>("@runlease/core/AwaitAnswers")(
  "AwaitAnswers",
  { interrupts: Interrupts, expiresAfter: Schema.optional(Schema.DurationFromSelf) },
) {
  override get message() {
    return `The run waits for answers to ${this.interrupts.map(({ id }) => id).join(", ")}`
  }
}

/** How the stream of an executor may fail: an error, or a wait for answers. */
export type ExecutorFailure = ExecutorError | AwaitAnswers

/**
 * A failure after which the run is handed back while attempts are left, after `retryAfter` when it is set and else after
 * the worker's back-off.
 */
export const retryableError = (
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

/** Suspends the run until all of `interrupts` have an answer. `expiresAfter`: see `AwaitAnswers`. */
export const awaitAnswers = (interrupts: Interrupts, expiresAfter?: Duration.DurationInput): AwaitAnswers =>
  new AwaitAnswers({
    interrupts,
    ...(expiresAfter === undefined ? {} : { expiresAfter: Duration.decode(expiresAfter) }),
  })

/** Suspends the run until the tool call has a result. `expiresAfter`: see `AwaitAnswers`. */
export const awaitToolResult = (
  toolCallId: string,
  toolName: string,
  expiresAfter?: Duration.DurationInput,
): AwaitAnswers => awaitAnswers([ofToolCall(toolCallId, toolName)], expiresAfter)
