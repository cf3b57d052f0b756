/**
 * What requests to models used, in AG-UI's form: one entry for each provider and model.
 *
 * `inputTokens` and `outputTokens` are totals: cached, cache-write and reasoning tokens are parts of them, and
 * `totalTokens` is their sum. An unknown count is absent.
 *
 * An executor reports each request in a CUSTOM event of `eventName`, which `toEvent` makes and whose value holds one entry. The control plane sums
 * them up in the event that ends this part of the run: RUN_FINISHED, an interrupt's included, or RUN_ERROR.
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */
import { Option, Schema } from "effect"
import { type LogEvent, reserved } from "./AgentEvent.js"
import * as Count from "./Count.js"

/** The name of the CUSTOM event that reports what one request used. */
export const eventName = "runlease.usage"

const Amount = Schema.optional(Schema.NonNegativeInt)
const Name = Schema.optional(Schema.String.pipe(Schema.maxLength(256)))

/** One entry. Further fields of a report are not read. */
export const TokenUsage = Schema.Struct({
  provider: Name,
  model: Name,
  inputTokens: Amount,
  outputTokens: Amount,
  totalTokens: Amount,
  reasoningTokens: Amount,
  cachedInputTokens: Amount,
  cacheWriteInputTokens: Amount,
})
export type TokenUsage = typeof TokenUsage.Type

/** How many providers and models one part of a run may name; reports of others are not summed up. */
const maxEntries = 50

/** The counts that add up by themselves: `totalTokens` is made of them. */
export const counts = [
  "inputTokens",
  "outputTokens",
  "reasoningTokens",
  "cachedInputTokens",
  "cacheWriteInputTokens",
] as const

const decode = Schema.decodeUnknownOption(TokenUsage)

/** The sum of two entries of one provider and model. */
const plus = (a: TokenUsage, b: TokenUsage): TokenUsage => {
  const { model, provider } = a
  const sums: Partial<Record<(typeof counts)[number], number>> = {}
  for (const field of counts) {
    if (a[field] !== undefined || b[field] !== undefined)
      sums[field] = Count.add(a[field] ?? 0, b[field] ?? 0)
  }
  const { inputTokens, outputTokens } = sums
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    ...sums,
    ...(inputTokens === undefined || outputTokens === undefined
      ? {}
      : { totalTokens: Count.add(inputTokens, outputTokens) }),
  }
}

/** Adds an entry to those of its provider and model. */
export const add = (entries: ReadonlyArray<TokenUsage>, entry: TokenUsage): ReadonlyArray<TokenUsage> => {
  const index = entries.findIndex(
    ({ model, provider }) => model === entry.model && provider === entry.provider,
  )
  if (index >= 0) return entries.with(index, plus(entries[index]!, entry))
  return entries.length < maxEntries ? [...entries, plus(entry, {})] : entries
}

/** What an event reports, if it is a report. */
export const fromEvent = (event: LogEvent): Option.Option<TokenUsage> =>
  event.type === "CUSTOM" && event["name"] === eventName ? decode(event["value"]) : Option.none()

/** The report of one request. `details` are further fields of the value, for readers of the log. */
export const toEvent = (usage: TokenUsage, details: Readonly<Record<string, unknown>> = {}) =>
  reserved(eventName, { ...usage, ...details })
