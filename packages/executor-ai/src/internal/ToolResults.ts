/** The results of tool calls as events. A client makes a call itself if it sees no result. */
import { type AgentEvent, Edits, type RequestSnapshot } from "@runlease/core"
import { AnswerEvents, type PastAttempts } from "@runlease/core/executor"

/** The result of a call, as the log and the client show it. `edits`: the arguments that a person has edited, with which it was made. */
export interface Result {
  readonly content: string
  readonly isError: boolean
  readonly edits?: unknown
}

const withEdits = ({ edits }: Result) => (edits === undefined ? {} : { [Edits.field]: edits })

export const eventOf = (toolCallId: string, result: Result): AgentEvent.AgentEvent => ({
  ...AnswerEvents.result(toolCallId, result.content, result.isError),
  ...withEdits(result),
})

/** The result as a later attempt reads it from the log. */
export const partOf = (toolCallId: string, result: Result): RequestSnapshot.MessagePart => ({
  type: "tool_result",
  toolCallId,
  result: result.content,
  isError: result.isError,
  ...withEdits(result),
})

/** The result of a call that the provider makes itself without sending a result. */
export const ofProvider = (toolCallId: string): AgentEvent.AgentEvent =>
  eventOf(toolCallId, { content: "The provider sent no result of this call.", isError: false })

/** The ids of calls that have a result in these messages. */
export const idsIn = (messages: ReadonlyArray<RequestSnapshot.SnapshotMessage>): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === "tool_result" ? [part["toolCallId"]] : [])),
    ),
  )

/** The ids of calls that have a result in the log. */
export const answeredIds = (attempts: ReadonlyArray<PastAttempts.PastAttempt>): ReadonlySet<unknown> =>
  idsIn(attempts.flatMap(({ messages }) => messages))

/** Results for the calls of dead attempts that have none in the log and are not part of the conversation. */
export const ofDeadAttempts = (
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<AgentEvent.AgentEvent> => {
  const answered = answeredIds(attempts)
  const content = "The attempt that began this call ended before its result was recorded."
  return attempts.flatMap(({ calls }) =>
    calls.flatMap(({ valid, toolCallId }) =>
      valid || answered.has(toolCallId) ? [] : [eventOf(toolCallId, { content, isError: true })],
    ),
  )
}
