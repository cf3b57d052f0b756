/**
 * What the log says of a step that fails: readers show it as failed. Its record is another event, and only a failure with a schema has one.
 *
 * Source: docs/decisions/0057-steps.md
 */
import { Cause, Effect, Predicate } from "effect"
import type { StepFailure } from "../model/agui/Events.js"
import { AwaitAnswers } from "./ExecutorError.js"
import { StepCodec } from "./StepCodec.js"

/** The longest message, in UTF-16 units: an event has it in addition to the error of the run. */
const maxMessage = 1000

const fieldOf = (error: unknown, name: "code" | "message" | "_tag"): string | undefined => {
  const value = Predicate.isRecord(error) ? error[name] : undefined
  return Predicate.isString(value) && value !== "" ? value : undefined
}

/** A failure that is no error, such as a text, is a value of the program, and the log has it in its record alone. */
const shown = (error: unknown): StepFailure => {
  const code = fieldOf(error, "code") ?? fieldOf(error, "_tag")
  const message = fieldOf(error, "message") ?? code
  if (message === undefined) return {}
  return {
    message: message.length <= maxMessage ? message : `${message.slice(0, maxMessage)}…`,
    ...(code === undefined ? {} : { code }),
  }
}

/**
 * The failure of a step, which the end of the step says; none where the step was interrupted or waits for answers. A program that seals its
 * results has no message in the log.
 */
export const of = (cause: Cause.Cause<unknown>): Effect.Effect<StepFailure | undefined> =>
  Effect.suspend(() => {
    if (Cause.isInterruptedOnly(cause)) return Effect.succeed(undefined)
    const error = Cause.squash(cause)
    if (error instanceof AwaitAnswers) return Effect.succeed(undefined)
    return Effect.map(StepCodec, (codec) => (codec === undefined ? shown(error) : {}))
  })
