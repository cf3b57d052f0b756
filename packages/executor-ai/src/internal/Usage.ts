/** Token usage: one report per step in the log, and their sum in the run's metadata. */
import type { Response } from "@effect/ai"
import { type AgentEvent, TokenUsage } from "@runlease/core"
import { type PastAttempts } from "@runlease/core/executor"
import { Option, Predicate, Schema } from "effect"

const Step = Schema.Struct({ ...TokenUsage.TokenUsage.fields, finishReason: Schema.String })
type Step = typeof Step.Type

type Counts = Pick<TokenUsage.TokenUsage, (typeof TokenUsage.counts)[number]>

const isCount = Schema.is(Schema.NonNegativeInt)

const countOf = (record: unknown, field: string): number => {
  const count = Predicate.isRecord(record) ? record[field] : undefined
  return isCount(count) ? count : 0
}

/** Anthropic's `input_tokens` does not count the tokens that its cache reads and writes. */
const ofAnthropic = (usage: unknown): Counts => {
  if (!Predicate.isRecord(usage) || !isCount(usage["input_tokens"])) return {}
  const { cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage
  return {
    inputTokens:
      usage["input_tokens"] +
      countOf(usage, "cache_creation_input_tokens") +
      countOf(usage, "cache_read_input_tokens"),
    ...(isCount(read) ? { cachedInputTokens: read } : {}),
    ...(isCount(written) ? { cacheWriteInputTokens: written } : {}),
  }
}

const validCounts = (counts: Readonly<Record<string, unknown>>): Counts =>
  Object.fromEntries(
    TokenUsage.counts.flatMap((field) => (isCount(counts[field]) ? [[field, counts[field]]] : [])),
  )

/** The report of a step. The end of an answer carries details under the name of its provider. */
export const stepOf = (model: string | undefined, { metadata, reason, usage }: Response.FinishPart): Step => {
  const [provider] = Object.keys(metadata)
  const details = metadata["anthropic"]
  const counts = {
    ...validCounts({ ...usage }),
    ...ofAnthropic(Predicate.isRecord(details) ? details["usage"] : undefined),
  }
  const { inputTokens, outputTokens } = counts
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    finishReason: reason,
    ...counts,
    ...(inputTokens === undefined || outputTokens === undefined
      ? {}
      : { totalTokens: inputTokens + outputTokens }),
  }
}

/** `request` is the step of the answer, whose price is there now. */
export const eventOf = ({ finishReason, ...usage }: Step, request: string): AgentEvent.AgentEvent =>
  TokenUsage.toEvent(usage, { finishReason, request })

const decodeStep = Schema.decodeUnknownOption(Step)

/** The steps that the log of an attempt reports. */
export const stepsOf = (attempt: PastAttempts.PastAttempt): ReadonlyArray<Step> =>
  attempt.customs.flatMap(({ name, value }) =>
    name === TokenUsage.eventName ? Option.toArray(decodeStep(value)) : [],
  )

/** The sum over steps. The model and the finish reason are those of the last step. */
export const sum = (steps: ReadonlyArray<Step>) => {
  const last = steps.at(-1)
  const total = Object.fromEntries(
    [...TokenUsage.counts, "totalTokens" as const].flatMap((field) => {
      const reported = steps.flatMap((step) => step[field] ?? [])
      return reported.length === 0 ? [] : [[field, reported.reduce((a, b) => a + b, 0)]]
    }),
  )
  return { ...last, ...total, steps: steps.length }
}
