/** A run has each message once, in its order, and takes it once. A question has one answer. */
import { Array } from "effect"
import type { Final, History, Incident } from "../History.js"
import { accepted, isRefused, named, valueOf } from "./Calls.js"
import { instant, type Invariant } from "./Violation.js"

const messagesOf = ({ log }: Final) =>
  log.flatMap(({ event }) => {
    const value = valueOf(event, "runlease.message")
    return value === undefined
      ? []
      : [{ id: String(value["message_id"]), number: Number(value["number"]), key: value["idempotency_key"] }]
  })

/** Messages that were accepted, and are not there. */
const lost = (history: History): ReadonlyArray<string> => {
  const finals = new Map(history.final.map((final) => [final.run, final]))
  return named(history, "Tell").flatMap(({ received, request: { run } }) => {
    if (received === undefined || isRefused(received.answer)) return []
    const { message } = received.answer
    const final = finals.get(run)
    return final === undefined || messagesOf(final).some(({ id }) => id === message)
      ? []
      : [`run ${run} accepted message ${message} at ${instant(received.at)}; its log does not have it`]
  })
}

/** Messages that were stored again under their key, as others. */
const repeatedMessages = (history: History): ReadonlyArray<string> => {
  const sent = accepted(history, "Tell").map(({ answer, call: { request } }) => ({
    key: `run ${request.run} has message ${request.key}`,
    message: answer.message,
  }))
  return Object.entries(Array.groupBy(sent, ({ key }) => key)).flatMap(([key, messages]) => {
    const ids = Array.dedupe(messages.map(({ message }) => message))
    return ids.length === 1 ? [] : [`${key} as ${ids.join(" and ")}`]
  })
}

const misplaced = (final: Final): ReadonlyArray<string> => {
  const messages = messagesOf(final)
  const keys = messages.flatMap(({ key }) => (typeof key === "string" ? [key] : []))
  return [
    ...(messages.every(({ number }, index) => number === index + 1)
      ? []
      : [`the messages of run ${final.run} are not numbered from 1 in their order`]),
    ...(Array.dedupe(keys).length === keys.length
      ? []
      : [`run ${final.run} has a message twice under one key`]),
  ]
}

/** The ranges of messages that steps took, as the log records them. */
const takingsOf = ({ log }: Final) =>
  log.flatMap(({ event }) => {
    const value = valueOf(event, "runlease.inbox")
    return value === undefined ? [] : [{ after: Number(value["after"]), to: Number(value["to"]) }]
  })

/** Messages that two steps took, or none. */
const mistaken = (final: Final): ReadonlyArray<string> => {
  let consumed = 0
  return takingsOf(final).flatMap(({ after, to }) => {
    const before = consumed
    consumed = to
    return after === before
      ? []
      : [
          `a step of run ${final.run} took the messages after ${after}, and the one before it had taken ${before}`,
        ]
  })
}

/** Runs that take messages, and completed with some that came after they were last claimed. */
const left = (history: History): ReadonlyArray<string> => {
  const claims = accepted(history, "Claim")
  if (claims.length === 0) return []
  // A message that is sent again was accepted when it came first.
  const sent = Array.dedupeWith(accepted(history, "Tell"), (a, b) => a.answer.message === b.answer.message)
  return history.final.flatMap((final) => {
    const consumed = takingsOf(final).at(-1)?.to
    if (final.status !== "completed" || consumed === undefined) return []
    const claimedAt = Math.max(
      ...claims.map(({ answer, at }) =>
        answer.grants.some(({ epoch, run }) => run === final.run && epoch === final.epoch) ? at : 0,
      ),
    )
    const numbers = new Map(messagesOf(final).map(({ id, number }) => [id, number]))
    const late = sent.filter(
      ({ answer, at, call }) =>
        call.request.run === final.run && at > claimedAt && (numbers.get(answer.message) ?? 0) > consumed,
    )
    return late.map(
      ({ answer, at }) =>
        `run ${final.run} completed without message ${answer.message} that it accepted at ${instant(at)}, after its last claim`,
    )
  })
}

/** Questions with two answers, and answers that reached no executor. */
const answeredTwice = (history: History): ReadonlyArray<string> => {
  const inputs = accepted(history, "FollowUp").filter(({ answer }) => answer.outcome === "Continued")
  const answers = [...accepted(history, "Resume"), ...inputs].flatMap(({ answer, at, call: { request } }) =>
    answer.duplicate
      ? []
      : Object.entries(request.answers).map(([question, value]) => ({
          question: `${question} of run ${request.run}`,
          value,
          at,
        })),
  )
  const returnedBy = new Map<string, Extract<Incident, { readonly _tag: "Returned" }>>(
    history.incidents.flatMap((incident) =>
      incident._tag === "Returned" && incident.name.startsWith("ask")
        ? [[`${incident.name} of run ${incident.run}`, incident] as const]
        : [],
    ),
  )
  return Object.entries(Array.groupBy(answers, ({ question }) => question)).flatMap(
    ([question, [first, second]]) => {
      if (second !== undefined) {
        return [
          `question ${question} was answered at ${instant(first.at)} and again at ${instant(second.at)}`,
        ]
      }
      const returned = returnedBy.get(question)
      return returned === undefined || returned.value === first.value
        ? []
        : [`question ${question} was answered ${first.value}, and its executor given ${returned.value}`]
    },
  )
}

export const messagesOnce: Invariant = {
  name: "messages-once",
  holds: "a message is sent and taken once, in its order, and a question has one answer",
  broken: (history) => [
    ...lost(history),
    ...repeatedMessages(history),
    ...history.final.flatMap(misplaced),
    ...history.final.flatMap(mistaken),
    ...left(history),
    ...answeredTwice(history),
  ],
}
