/** The results of calls as events. A client takes a call without one for its own. */
import { AgentEvent, type PastAttempts } from "@runlease/core"

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

/** A call that the provider makes itself, and whose result it keeps to itself. */
export const ofProvider = (toolCallId: string): AgentEvent.AgentEvent =>
  eventOf(toolCallId, { content: "The provider told no result of this call.", isError: false })

/** The calls that have a result in the log. */
export const answeredIds = (attempts: ReadonlyArray<PastAttempts.PastAttempt>): ReadonlySet<unknown> =>
  new Set(
    attempts.flatMap(({ messages }) =>
      messages.flatMap(({ parts }) =>
        parts.flatMap((part) => (part.type === "tool_result" ? [part["toolCallId"]] : [])),
      ),
    ),
  )

/** The results of calls that attempts had begun which died, and that no attempt since has answered. */
export const ofDeadAttempts = (
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<AgentEvent.AgentEvent> => {
  const answered = answeredIds(attempts)
  const content = "The attempt that began this call ended before its result was recorded."
  return attempts.flatMap(({ calls, waited }) =>
    calls.flatMap(({ toolCallId }) =>
      waited || answered.has(toolCallId) ? [] : [eventOf(toolCallId, { content, isError: true })],
    ),
  )
}
