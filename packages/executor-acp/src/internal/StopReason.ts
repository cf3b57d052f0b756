/** How an agent's turn ended, as the event that ends the run. */
import type { PromptResponse } from "@agentclientprotocol/sdk"
import { AgentEvent, type Run } from "@runlease/core"
import { Predicate } from "effect"

const gaveUp = {
  max_tokens: "reached the limit of tokens that its model may write",
  max_turn_requests: "reached the limit of requests to its model in one turn",
  refusal: "refused to go on",
} as const

const outcomes = { end_turn: { type: "success" }, cancelled: { type: "cancelled" } } as const

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
 * `end_turn` is success, and a reason that the protocol does not have is a failure. The three ways to give up are failures
 * that can be told apart. None is retryable, since the same request would end the same way. If this client did not request
 * the cancellation of a turn that ends as cancelled, someone else did.
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
  if (!Object.hasOwn(outcomes, stopReason)) {
    const message = `${name} ended its turn for a reason that the protocol does not have: ${String(stopReason)}`
    return AgentEvent.runError(message, { code: "agent_stop_reason_unknown", metadata })
  }
  const outcome = outcomes[stopReason as keyof typeof outcomes]
  return AgentEvent.runFinished(run.conversationId, run.runId, { outcome, metadata })
}
