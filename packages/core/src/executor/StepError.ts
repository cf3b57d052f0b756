/** Why a step cannot run. */
import { Schema } from "effect"

/**
 * `step` is the name of the step, or the id of the question; `join` for a join, and `budget` for a check of the budget.
 *
 * `duplicate`: this attempt has had a step of that name and key, or a question of that id. `nested`: a step, a question, a join or
 * a check of the budget inside a step that happens at most once.
 * `too_large`: with its result those of the run are over 8 MiB. `too_long`: a sleep of more than 3,650 days. `too_many`: the run has 10,000 steps. `unreadable`: its record does not fit the
 * schema. `uncertain`: it may have happened. `unavailable`: the control plane cannot be reached now.
 * `refused`: it refuses what the step requests.
 *
 * Where it ends a run, its code is `step_` and the reason; `unreadable` and `unavailable` are retryable.
 */
export class StepError extends Schema.TaggedError<StepError>("@runlease/core/StepError")("StepError", {
  step: Schema.String,
  reason: Schema.Literal(
    "duplicate",
    "nested",
    "too_large",
    "too_long",
    "too_many",
    "unreadable",
    "uncertain",
    "unavailable",
    "refused",
  ),
  message: Schema.String,
}) {
  get code(): string {
    return `step_${this.reason}`
  }

  get retryable(): boolean {
    return this.reason === "unreadable" || this.reason === "unavailable"
  }
}

const isAlike = Schema.is(Schema.Struct(StepError.fields))

/** By what it is, not by its class: a module that a program loads may have its own copy of the class. */
export const isStepError = (error: unknown): error is StepError => isAlike(error)
