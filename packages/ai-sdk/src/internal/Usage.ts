/** What an answer used, as each executor reports it. */
import type { TokenUsage } from "@runlease/core"
import { Option, Schema } from "effect"

const Amount = Schema.optional(Schema.NonNegativeInt)

/** The counts of the SDK. Those of a version before are numbers. */
const Counts = Schema.Struct({
  inputTokens: Schema.optional(
    Schema.Union(
      Schema.NonNegativeInt,
      Schema.Struct({ total: Amount, cacheRead: Amount, cacheWrite: Amount }),
    ),
  ),
  outputTokens: Schema.optional(
    Schema.Union(Schema.NonNegativeInt, Schema.Struct({ total: Amount, reasoning: Amount })),
  ),
})

const decode = Schema.decodeUnknownOption(Counts)

/** The report of an answer. `provider` is the first word of the SDK's name of a provider, such as `openai.chat`. */
export const of = (provider: string, model: string, usage: unknown): TokenUsage.TokenUsage => {
  const { inputTokens = {}, outputTokens = {} } = Option.getOrElse(
    decode(usage),
    (): typeof Counts.Type => ({}),
  )
  const input = typeof inputTokens === "number" ? { total: inputTokens } : inputTokens
  const output = typeof outputTokens === "number" ? { total: outputTokens } : outputTokens
  const counts = {
    inputTokens: input.total,
    outputTokens: output.total,
    totalTokens:
      input.total === undefined || output.total === undefined ? undefined : input.total + output.total,
    reasoningTokens: "reasoning" in output ? output.reasoning : undefined,
    cachedInputTokens: "cacheRead" in input ? input.cacheRead : undefined,
    cacheWriteInputTokens: "cacheWrite" in input ? input.cacheWrite : undefined,
  }
  return {
    provider: provider.split(".")[0] ?? provider,
    model,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined)),
  }
}
