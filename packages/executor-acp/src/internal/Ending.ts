/** How an agent's turn ended, as the event that ends the run. */
import type { PromptResponse } from "@agentclientprotocol/sdk"
import { AgentEvent, type Run } from "@runlease/core"
import { Predicate } from "effect"

const gaveUp = {
  max_tokens: "reached the limit of tokens that its model may write",
  max_turn_requests: "reached the limit of requests to its model in one turn",
  refusal: "refused to go on",
} as const

/** The counts of tokens that an agent gives, and the names that they have in the usage of a model. */
const counts = {
  inputTokens: "inputTokens",
  outputTokens: "outputTokens",
  totalTokens: "totalTokens",
  thoughtTokens: "reasoningTokens",
  cachedReadTokens: "cachedInputTokens",
  cachedWriteTokens: "cachedWriteTokens",
} as const

/** Version 1 of the protocol has no usage. Agents add it to the answer as the draft has it. */
type Answer = PromptResponse & { readonly usage?: unknown }

const usageOf = (usage: unknown) =>
  !Predicate.isRecord(usage)
    ? {}
    : {
        usage: Object.fromEntries(
          Object.entries(counts).flatMap(([key, name]) =>
            typeof usage[key] === "number" ? [[name, usage[key]]] : [],
          ),
        ),
      }

/**
 * `end_turn` is success. The three ways to give up are failures that can be told apart; none is retryable, since the
 * same request would end the same way. An agent that was not asked to cancel and says that it was has been told so by
 * somebody else.
 */
export const of = (
  run: Run.ClaimedRun,
  name: string,
  sessionId: string,
  { stopReason, usage }: Answer,
  told: Readonly<Record<string, unknown>>,
): AgentEvent.AgentEvent => {
  const metadata = {
    ...usageOf(usage),
    acp: { sessionId, stopReason, ...told },
  }
  if (Object.hasOwn(gaveUp, stopReason)) {
    const code = stopReason as keyof typeof gaveUp
    return AgentEvent.runError(`${name} ${gaveUp[code]}`, { code, metadata })
  }
  const outcome = { type: stopReason === "cancelled" ? "cancelled" : "success" } as const
  return AgentEvent.runFinished(run.conversationId, run.runId, { outcome, metadata })
}
