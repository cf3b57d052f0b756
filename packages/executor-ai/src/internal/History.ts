/** Merges the messages of a request and those in the log of its run into one history. */
import type { RequestSnapshot } from "@runlease/core"
import type { PastAttempts } from "@runlease/core/executor"

type Message = RequestSnapshot.SnapshotMessage

/**
 * `turns`: the messages, of which those in one turn of the model are together. `results`: by call id. A result in the log replaces one
 * in the request. `voidCalls`: calls of attempts that died before their answer was whole, which no message holds.
 */
export interface History {
  readonly turns: ReadonlyArray<ReadonlyArray<Message>>
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

export const calledIds = (messages: ReadonlyArray<Message>): ReadonlySet<string> =>
  new Set(callIds(messages, "tool_call"))

/** Whether an attempt wrote the message, or has consumed it. A client preserves the id of the message or of one of its calls. */
const isWrittenBy = ({ calls, messageIds }: PastAttempts.PastAttempt) => {
  const called = new Set(calls.map(({ toolCallId }) => toolCallId))
  return (message: Message): boolean =>
    (message.role === "assistant" || message.role === "reasoning" || message.role === "user") &&
    (messageIds.has(message.id) || callIds([message], "tool_call").some((id) => called.has(id)))
}

const isOfModel = ({ role }: Message): boolean => role === "assistant" || role === "reasoning"

/** Whether the turn continues behind a message. One that has results, as the step of a page does, is the end of its turn. */
const continuesTurn = ({ parts, role }: Message): boolean =>
  role === "reasoning" ||
  (parts.some(({ type }) => type === "tool_call") && parts.every(({ type }) => type !== "tool_result"))

/** Adds a message to the last turn if `joins` says that it is part of it, and to a separate turn otherwise. */
const addTo = (turns: Array<Array<Message>>, message: Message, joins: (before: Message) => boolean): void => {
  const last = turns.at(-1)
  const before = last?.at(-1)
  if (last !== undefined && before !== undefined && isOfModel(message) && isOfModel(before) && joins(before))
    last.push(message)
  else turns.push([message])
}

/** The turns of messages of a client, which stores a turn that reasons and calls tools as several messages. */
const ofClient = (messages: ReadonlyArray<Message>): ReadonlyArray<ReadonlyArray<Message>> => {
  const turns: Array<Array<Message>> = []
  for (const message of messages) addTo(turns, message, continuesTurn)
  return turns
}

/**
 * The turns of messages between two records: one answer, and the results of calls before it. Calls that the provider makes itself are
 * not repeated to it.
 */
export const ofAnswer = (
  messages: ReadonlyArray<Message>,
  providerCalls: ReadonlySet<string>,
): ReadonlyArray<ReadonlyArray<Message>> => {
  const turns: Array<Array<Message>> = []
  for (const message of messages) {
    const parts = message.parts.filter(({ toolCallId }) => !providerCalls.has(String(toolCallId)))
    if (parts.length > 0) addTo(turns, { ...message, parts }, () => true)
  }
  return turns
}

/**
 * The turns of this run come from its log. A turn is placed where the request has it, or else before the results of its
 * calls, or else where the turns of the next attempt stand. Messages of answers that broke off are void, even if the client still sends
 * them.
 */
export const make = (
  messages: ReadonlyArray<Message>,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
  providerCalls: ReadonlySet<string>,
): History => {
  const places = new Map<number, Array<ReadonlyArray<Message>>>()
  let next = messages.length
  for (const attempt of attempts.filter(({ validMessages }) => validMessages.length > 0).toReversed()) {
    const called = new Set(attempt.calls.map(({ toolCallId }) => toolCallId))
    const there = messages.findIndex(isWrittenBy(attempt))
    const answered = messages.findIndex((message) =>
      callIds([message], "tool_result").some((id) => called.has(id)),
    )
    next = Math.min(next, there >= 0 ? there : answered >= 0 ? answered : messages.length)
    const turns = attempt.turns.flatMap((turn) => ofAnswer(turn, providerCalls))
    places.set(next, [...turns, ...(places.get(next) ?? [])])
  }
  const isLogged = attempts.map(isWrittenBy)
  const turns: Array<ReadonlyArray<Message>> = []
  let ofRequest: Array<Message> = []
  for (const [index, message] of [...messages, undefined].entries()) {
    const own = places.get(index)
    if (own !== undefined) {
      turns.push(...ofClient(ofRequest), ...own)
      ofRequest = []
    }
    if (message !== undefined && !isLogged.some((is) => is(message))) ofRequest.push(message)
  }
  turns.push(...ofClient(ofRequest))
  const results = new Map<string, RequestSnapshot.MessagePart>()
  for (const { parts } of [...messages, ...attempts.flatMap((attempt) => attempt.messages)]) {
    for (const part of parts) if (part.type === "tool_result") results.set(String(part["toolCallId"]), part)
  }
  const called = calledIds(turns.flat())
  const dead = attempts.flatMap(({ calls }) =>
    calls.flatMap(({ valid, toolCallId }) => (valid ? [] : [toolCallId])),
  )
  return {
    turns,
    results,
    voidCalls: new Set(dead.filter((id) => !called.has(id) && !providerCalls.has(id))),
  }
}
