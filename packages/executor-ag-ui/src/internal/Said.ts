/**
 * What the agent itself said in a run before it waited for answers: it may keep nothing, and a result without its call
 * would tell it nothing.
 */
import { type Executor, PastAttempts, type RequestSnapshot, type Run, type RunLog } from "@runlease/core"
import { Effect } from "effect"
import { readingLog } from "./Failure.js"

type Message = RequestSnapshot.SnapshotMessage

const callsOf = (messages: ReadonlyArray<Message>, type: "tool_call" | "tool_result"): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === type ? [part["toolCallId"]] : [])),
    ),
  )

/** Each turn that waited goes behind the request, and the results of its calls right behind it. */
const woven = (
  messages: ReadonlyArray<Message>,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<Message> => {
  const known = callsOf(messages, "tool_call")
  const turns = attempts
    .filter(({ calls, waited }) => waited && !calls.some(({ toolCallId }) => known.has(toolCallId)))
    .map((attempt) => {
      const ids = new Set<unknown>(attempt.calls.map(({ toolCallId }) => toolCallId))
      const results = messages.filter(
        (message) =>
          message.role === "tool" && [...callsOf([message], "tool_result")].some((id) => ids.has(id)),
      )
      return [...attempt.messages, ...results]
    })
  const placed = new Set(turns.flat())
  return [...messages.filter((message) => !placed.has(message)), ...turns.flat()]
}

/** The messages of the request with what the agent has said since. */
export const among = (
  run: Run.ClaimedRun,
  messages: ReadonlyArray<Message>,
): Effect.Effect<ReadonlyArray<Message>, Executor.ExecutorError, RunLog.RunLog> =>
  Effect.map(readingLog(PastAttempts.read(run)), (attempts) => woven(messages, attempts))
