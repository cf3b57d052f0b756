/** What the steps of a run used, told by an event for each, and summed up. */
import type { Response } from "@effect/ai"
import { AgentEvent, type PastAttempts } from "@runlease/core"
import { Option, Schema } from "effect"

/** The name of the CUSTOM event that ends each request to the model. */
const eventName = "runlease.usage"

const Step = Schema.Struct({
  model: Schema.optional(Schema.String),
  finishReason: Schema.String,
  inputTokens: Schema.optional(Schema.Number),
  outputTokens: Schema.optional(Schema.Number),
  reasoningTokens: Schema.optional(Schema.Number),
  cachedInputTokens: Schema.optional(Schema.Number),
})
type Step = typeof Step.Type

const counted = ["inputTokens", "outputTokens", "reasoningTokens", "cachedInputTokens"] as const

export const stepOf = (model: string | undefined, finish: Response.FinishPart): Step => ({
  ...(model === undefined ? {} : { model }),
  finishReason: finish.reason,
  ...Object.fromEntries(
    counted.flatMap((field) => {
      const count = finish.usage[field]
      return count === undefined ? [] : [[field, count]]
    }),
  ),
})

export const eventOf = (step: Step): AgentEvent.AgentEvent => AgentEvent.custom(eventName, step)

const decodeStep = Schema.decodeUnknownOption(Step)

/** The steps that an attempt made, by its log. */
export const stepsOf = (attempt: PastAttempts.PastAttempt): ReadonlyArray<Step> =>
  attempt.customs.flatMap(({ name, value }) => (name === eventName ? Option.toArray(decodeStep(value)) : []))

/** The sum over steps; the model and the finish reason are the last step's. */
export const sum = (steps: ReadonlyArray<Step>) => {
  const last = steps.at(-1)
  const total = Object.fromEntries(
    counted.flatMap((field) => {
      const told = steps.flatMap((step) => step[field] ?? [])
      return told.length === 0 ? [] : [[field, told.reduce((a, b) => a + b, 0)]]
    }),
  )
  return { ...last, ...total, steps: steps.length }
}
