/**
 * The agent's own turns in this run, before the run waited for answers, and those that are recorded. The agent may store no history, and it cannot use a
 * result without its call.
 */
import { type Executor, type RequestSnapshot, type Run, type RunLog } from "@runlease/core"
import { PastAttempts } from "@runlease/core/executor"
import { Effect } from "effect"
import { readingLog } from "./Failure.js"

type Message = RequestSnapshot.SnapshotMessage

const callsOf = (messages: ReadonlyArray<Message>, type: "tool_call" | "tool_result"): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === type ? [part["toolCallId"]] : [])),
    ),
  )

/** Puts each turn behind the request, and the results of its calls right behind the turn. */
const merge = (
  messages: ReadonlyArray<Message>,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<Message> => {
  const requested = callsOf(messages, "tool_call")
  const turns = attempts
    .map(({ calls, validMessages }) => ({ calls: calls.filter((call) => call.valid), validMessages }))
    .filter(({ calls }) => !calls.some(({ toolCallId }) => requested.has(toolCallId)))
    .map(({ calls, validMessages }) => {
      const ids = new Set<unknown>(calls.map(({ toolCallId }) => toolCallId))
      const results = messages.filter(
        (message) =>
          message.role === "tool" && [...callsOf([message], "tool_result")].some((id) => ids.has(id)),
      )
      return [...validMessages, ...results]
    })
  const placed = new Set(turns.flat())
  return [...messages.filter((message) => !placed.has(message)), ...turns.flat()]
}

/** The messages of the request together with the agent's turns since. */
export const addTo = (
  run: Run.ClaimedRun,
  messages: ReadonlyArray<Message>,
): Effect.Effect<ReadonlyArray<Message>, Executor.ExecutorError, RunLog.RunLog> =>
  Effect.map(readingLog(PastAttempts.read(run)), (attempts) => merge(messages, attempts))
