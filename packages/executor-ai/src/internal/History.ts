/** The messages that a request brings and those that the log of its run has, as one history. */
import type { PastAttempts, RequestSnapshot } from "@runlease/core"

type Message = RequestSnapshot.SnapshotMessage

/** `results`: by call, with those of the log before those of the request. `voidCalls`: calls of attempts that died. */
export interface History {
  readonly messages: ReadonlyArray<Message>
  readonly results: ReadonlyMap<string, RequestSnapshot.MessagePart>
  readonly voidCalls: ReadonlySet<string>
}

const callIds = (
  messages: ReadonlyArray<Message>,
  type: "tool_call" | "tool_result",
): ReadonlyArray<string> =>
  messages.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === type ? String(part["toolCallId"]) : [])),
  )

/** The ids of the calls that these messages hold. */
export const calledIds = (messages: ReadonlyArray<Message>): ReadonlySet<string> =>
  new Set(callIds(messages, "tool_call"))

/** Whether an attempt wrote the message: a client keeps its id, or that of one of its calls. */
const isOf = ({ calls, messageIds }: PastAttempts.PastAttempt) => {
  const called = new Set(calls.map(({ toolCallId }) => toolCallId))
  return (message: Message): boolean =>
    (message.role === "assistant" || message.role === "reasoning") &&
    (messageIds.has(message.id) || callIds([message], "tool_call").some((id) => called.has(id)))
}

/**
 * The turns of this run come from its log, where the request has them or else before the results of their calls. What
 * attempts said that died is void, also where the client has kept it.
 */
export const make = (
  given: ReadonlyArray<Message>,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): History => {
  const places = new Map<number, Array<Message>>()
  const own = attempts.filter(({ waited }) => waited)
  for (const attempt of own) {
    const called = new Set(attempt.calls.map(({ toolCallId }) => toolCallId))
    const there = given.findIndex(isOf(attempt))
    const answered = given.findIndex((message) =>
      callIds([message], "tool_result").some((id) => called.has(id)),
    )
    const at = there >= 0 ? there : answered >= 0 ? answered : given.length
    places.set(at, [...(places.get(at) ?? []), ...attempt.messages])
  }
  const isLogged = attempts.map(isOf)
  const messages = [...given, undefined].flatMap((message, index) => [
    ...(places.get(index) ?? []),
    ...(message === undefined || isLogged.some((is) => is(message)) ? [] : [message]),
  ])
  const results = new Map<string, RequestSnapshot.MessagePart>()
  for (const { parts } of [...given, ...attempts.flatMap((attempt) => attempt.messages)]) {
    for (const part of parts) if (part.type === "tool_result") results.set(String(part["toolCallId"]), part)
  }
  const called = calledIds(messages)
  const dead = attempts.flatMap(({ calls, waited }) =>
    waited ? [] : calls.map(({ toolCallId }) => toolCallId),
  )
  return { messages, results, voidCalls: new Set(dead.filter((id) => !called.has(id))) }
}
