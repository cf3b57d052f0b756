/** The tokens of a response. */
import { Predicate } from "effect"
import type { Usage } from "./Protocol.js"

export const zero: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens_details: { reasoning_tokens: 0 },
}

const count = (value: unknown): number => (typeof value === "number" ? value : 0)

/** With what the event that ends a part of a run reports. */
export const plus = (before: Usage | null, reported: unknown): Usage | null => {
  const reports = (Array.isArray(reported) ? reported : [reported]).filter(Predicate.isRecord)
  return reports.reduce<Usage | null>((sum, report) => {
    const last = sum ?? zero
    const input_tokens = last.input_tokens + count(report["inputTokens"])
    const output_tokens = last.output_tokens + count(report["outputTokens"])
    const cached = last.input_tokens_details.cached_tokens + count(report["cachedInputTokens"])
    const reasoning = last.output_tokens_details.reasoning_tokens + count(report["reasoningTokens"])
    return {
      input_tokens,
      output_tokens,
      total_tokens: input_tokens + output_tokens,
      input_tokens_details: { cached_tokens: cached },
      output_tokens_details: { reasoning_tokens: reasoning },
    }
  }, before)
}
