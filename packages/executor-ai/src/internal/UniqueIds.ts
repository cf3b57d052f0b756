/** Ids of messages and calls that are those of one attempt alone. */
import type { PastAttempts, Run } from "@runlease/core"
import * as History from "./History.js"

export interface UniqueIds {
  readonly nextMessageId: () => string
  /** The id that the model gives to a call, unless another call of the run has it. */
  readonly freshCallId: (given: string) => string
}

export const make = (run: Run.ClaimedRun, attempts: ReadonlyArray<PastAttempts.PastAttempt>): UniqueIds => {
  const used = new Set([
    ...History.calledIds(run.snapshot.messages),
    ...attempts.flatMap(({ calls }) => calls.map(({ toolCallId }) => toolCallId)),
  ])
  let messageCount = 0
  return {
    // No earlier attempt has written where this one found the log, so no message has its id.
    nextMessageId: () => {
      const base = run.latestSequence === 0 ? run.messageId : `${run.messageId}-${run.latestEventId}`
      messageCount += 1
      return messageCount === 1 ? base : `${base}.${messageCount - 1}`
    },
    freshCallId: (given) => {
      let id = given === "" ? "call" : given
      for (let n = 2; used.has(id); n++) id = `${given === "" ? "call" : given}-${n}`
      used.add(id)
      return id
    },
  }
}
