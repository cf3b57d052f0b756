/** Ids of messages and calls that no other attempt of the run uses. */
import type { SnapshotMessage } from "../model/RequestSnapshot.js"
import type { ClaimedRun } from "../model/Run.js"
import type { PastAttempt } from "./PastAttempts.js"

export interface UniqueIds {
  readonly nextMessageId: () => string
  /** The model's id of a call, with a number when another call of the run has that id. */
  readonly freshCallId: (modelId: string) => string
}

/** The ids of the calls in messages. */
const calledIds = (messages: ReadonlyArray<SnapshotMessage>): ReadonlyArray<string> =>
  messages.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === "tool_call" ? String(part["toolCallId"]) : [])),
  )

export const make = (run: ClaimedRun, attempts: ReadonlyArray<PastAttempt>): UniqueIds => {
  const used = new Set([
    ...calledIds(run.snapshot.messages),
    ...attempts.flatMap(({ calls }) => calls.map(({ toolCallId }) => toolCallId)),
  ])
  let messageCount = 0
  return {
    // `latestEventId` is where this attempt found the log, so no message of an earlier attempt has this id.
    nextMessageId: () => {
      const base = run.latestSequence === 0 ? run.messageId : `${run.messageId}-${run.latestEventId}`
      messageCount += 1
      return messageCount === 1 ? base : `${base}.${messageCount - 1}`
    },
    freshCallId: (modelId) => {
      const base = modelId === "" ? "call" : modelId
      let id = base
      for (let n = 2; used.has(id); n++) id = `${base}-${n}`
      used.add(id)
      return id
    },
  }
}
