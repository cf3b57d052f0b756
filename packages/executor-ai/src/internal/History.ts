/** Merges the messages of a request and those in the log of its run into one history. */
import type { PastAttempts, RequestSnapshot } from "@runlease/core"

type Message = RequestSnapshot.SnapshotMessage

/**
 * `results`: by call id. A result in the log replaces one in the request. `voidCalls`: calls of attempts that died before
 * their answer was whole, which no message holds.
 */
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

/** The ids of the calls in these messages. */
export const calledIds = (messages: ReadonlyArray<Message>): ReadonlySet<string> =>
  new Set(callIds(messages, "tool_call"))

/** Whether an attempt wrote the message, or has taken it. A client preserves the id of the message or of one of its calls. */
const isWrittenBy = ({ calls, messageIds }: PastAttempts.PastAttempt) => {
  const called = new Set(calls.map(({ toolCallId }) => toolCallId))
  return (message: Message): boolean =>
    (message.role === "assistant" || message.role === "reasoning" || message.role === "user") &&
    (messageIds.has(message.id) || callIds([message], "tool_call").some((id) => called.has(id)))
}

/**
 * The turns of this run come from its log. A turn stands where the request has it, or else before the results of its
 * calls. Messages of answers that broke off are void, even if the client still sends them.
 */
export const make = (
  given: ReadonlyArray<Message>,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): History => {
  const places = new Map<number, Array<Message>>()
  const own = attempts.filter(({ kept }) => kept.length > 0)
  for (const attempt of own) {
    const called = new Set(attempt.calls.map(({ toolCallId }) => toolCallId))
    const there = given.findIndex(isWrittenBy(attempt))
    const answered = given.findIndex((message) =>
      callIds([message], "tool_result").some((id) => called.has(id)),
    )
    const at = there >= 0 ? there : answered >= 0 ? answered : given.length
    places.set(at, [...(places.get(at) ?? []), ...attempt.kept])
  }
  const isLogged = attempts.map(isWrittenBy)
  const messages = [...given, undefined].flatMap((message, index) => [
    ...(places.get(index) ?? []),
    ...(message === undefined || isLogged.some((is) => is(message)) ? [] : [message]),
  ])
  const results = new Map<string, RequestSnapshot.MessagePart>()
  for (const { parts } of [...given, ...attempts.flatMap((attempt) => attempt.messages)]) {
    for (const part of parts) if (part.type === "tool_result") results.set(String(part["toolCallId"]), part)
  }
  const called = calledIds(messages)
  const dead = attempts.flatMap(({ calls }) =>
    calls.flatMap(({ kept, toolCallId }) => (kept ? [] : [toolCallId])),
  )
  return { messages, results, voidCalls: new Set(dead.filter((id) => !called.has(id))) }
}
