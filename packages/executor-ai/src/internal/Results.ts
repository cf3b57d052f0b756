/** The results of calls as events. */
import { AgentEvent } from "@runlease/core"

/** What the client and the log are told of a call. */
export interface Result {
  readonly content: string
  readonly isError: boolean
}

const messageIdOf = (toolCallId: string): string => `result-${toolCallId}`

export const eventOf = (toolCallId: string, { content, isError }: Result): AgentEvent.AgentEvent =>
  isError
    ? AgentEvent.toolCallFailure(messageIdOf(toolCallId), toolCallId, content)
    : AgentEvent.toolCallResult(messageIdOf(toolCallId), toolCallId, content, { role: "tool" })
