/** How an agent's turn ended, as the event that ends the run. */
import type { PromptResponse, Usage } from "@agentclientprotocol/sdk"
import { AgentEvent, type Run } from "@runlease/core"

const gaveUp = {
  max_tokens: "reached the limit of tokens that its model may write",
  max_turn_requests: "reached the limit of requests to its model in one turn",
  refusal: "refused to go on",
} as const

/** Under the names that the usage of a model has. */
const usageOf = ({ _meta, cachedReadTokens, thoughtTokens, ...usage }: Usage) => ({
  ...usage,
  ...(thoughtTokens == null ? {} : { reasoningTokens: thoughtTokens }),
  ...(cachedReadTokens == null ? {} : { cachedInputTokens: cachedReadTokens }),
})

/**
 * `end_turn` is success. The three ways to give up are failures that can be told apart; none is retryable, since the
 * same request would end the same way. An agent that was not asked to cancel and says that it was has been told so by
 * somebody else.
 */
export const of = (
  run: Run.ClaimedRun,
  name: string,
  sessionId: string,
  { stopReason, usage }: PromptResponse,
  told: Readonly<Record<string, unknown>>,
): AgentEvent.AgentEvent => {
  const metadata = {
    ...(usage == null ? {} : { usage: usageOf(usage) }),
    acp: { sessionId, stopReason, ...told },
  }
  if (Object.hasOwn(gaveUp, stopReason)) {
    const code = stopReason as keyof typeof gaveUp
    return AgentEvent.runError(`${name} ${gaveUp[code]}`, { code, metadata })
  }
  const outcome = { type: stopReason === "cancelled" ? "cancelled" : "success" } as const
  return AgentEvent.runFinished(run.conversationId, run.runId, { outcome, metadata })
}
