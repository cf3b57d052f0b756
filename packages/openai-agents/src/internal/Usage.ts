/** What an answer used, as each executor reports it. */
import type { TokenUsage } from "@runlease/core"
import { Array, Option, Schema } from "effect"

const Details = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const Counts = Schema.Struct({
  inputTokens: Schema.NonNegativeInt,
  outputTokens: Schema.NonNegativeInt,
  totalTokens: Schema.NonNegativeInt,
  inputTokensDetails: Schema.optional(Schema.Union(Details, Schema.Array(Details))),
  outputTokensDetails: Schema.optional(Schema.Union(Details, Schema.Array(Details))),
})

const decode = Schema.decodeUnknownOption(Counts)

const isCount = Schema.is(Schema.NonNegativeInt)

/** A count of the details, which are one record or a list of them. */
const detail = (details: (typeof Counts.Type)["inputTokensDetails"], name: string): number | undefined => {
  const counts = Array.ensure(details ?? {}).flatMap((one: Readonly<Record<string, unknown>>) => {
    const count = one[name]
    return isCount(count) ? [count] : []
  })
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0)
}

/** The report of an answer. */
export const of = (provider: string, model: string, usage: unknown): TokenUsage.TokenUsage => {
  const found = Option.getOrUndefined(decode(usage))
  // A server that reports nothing has zeros.
  const counts =
    found === undefined || found.totalTokens === 0
      ? {}
      : {
          inputTokens: found.inputTokens,
          outputTokens: found.outputTokens,
          totalTokens: found.totalTokens,
          reasoningTokens: detail(found.outputTokensDetails, "reasoning_tokens"),
          cachedInputTokens: detail(found.inputTokensDetails, "cached_tokens"),
        }
  return {
    provider,
    model,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined)),
  }
}
