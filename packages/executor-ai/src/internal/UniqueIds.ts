/** Ids of messages and calls that no other attempt of the run uses. */
import type { Run } from "@runlease/core"
import type { PastAttempts } from "@runlease/core/executor"
import * as History from "./History.js"

export interface UniqueIds {
  readonly nextMessageId: () => string
  /** The model's id of a call, with a number when another call of the run has that id. */
  readonly freshCallId: (modelId: string) => string
}

export const make = (run: Run.ClaimedRun, attempts: ReadonlyArray<PastAttempts.PastAttempt>): UniqueIds => {
  const used = new Set([
    ...History.calledIds(run.snapshot.messages),
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
