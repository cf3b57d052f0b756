/** Converts the stop reason of an agent's turn to the event that ends the run. */
import type { PromptResponse } from "@agentclientprotocol/sdk"
import { AgentEvent, type Run } from "@runlease/core"
import { Predicate } from "effect"

const failures = {
  max_tokens: "reached the limit of tokens that its model may write",
  max_turn_requests: "reached the limit of requests to its model in one turn",
  refusal: "refused to go on",
} as const

const outcomes = { end_turn: { type: "success" }, cancelled: { type: "cancelled" } } as const

/** The agent's names of token counts, each with its name in `usage`. */
const counts = {
  inputTokens: "inputTokens",
  outputTokens: "outputTokens",
  totalTokens: "totalTokens",
  thoughtTokens: "reasoningTokens",
  cachedReadTokens: "cachedInputTokens",
  cachedWriteTokens: "cachedWriteTokens",
} as const

/** Version 1 of the protocol has no usage. Agents add it in the form of the draft. */
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
 * The end of the run. `end_turn` is a success. The three reasons to give up are failures, each with its own code, and an
 * unknown reason is a failure too. None is retryable, since the same request would end the same way. `cancelled` is a
 * cancellation by someone else, since this executor ignores the response after its own. `details` go into the metadata.
 */
export const toEvent = (
  run: Run.ClaimedRun,
  name: string,
  sessionId: string,
  { stopReason, usage }: Answer,
  details: Readonly<Record<string, unknown>>,
): AgentEvent.AgentEvent => {
  const metadata = {
    ...usageOf(usage),
    acp: { sessionId, stopReason, ...details },
  }
  if (Object.hasOwn(failures, stopReason)) {
    const code = stopReason as keyof typeof failures
    return AgentEvent.runError(`${name} ${failures[code]}`, { code, metadata })
  }
  if (!Object.hasOwn(outcomes, stopReason)) {
    const message = `${name} ended its turn for a reason that the protocol does not have: ${String(stopReason)}`
    return AgentEvent.runError(message, { code: "agent_stop_reason_unknown", metadata })
  }
  const outcome = outcomes[stopReason as keyof typeof outcomes]
  return AgentEvent.runFinished(run.conversationId, run.runId, { outcome, metadata })
}

/** Whether a turn ended as one does that its agent did not give up. */
export const isSuccess = ({ outcome, type }: AgentEvent.LogEvent): boolean =>
  type === "RUN_FINISHED" && Predicate.isRecord(outcome) && outcome["type"] === "success"
