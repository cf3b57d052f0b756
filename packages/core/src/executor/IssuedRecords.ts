/** The records that an attempt writes: each enters the log once, and what waits for it continues when it is there. */
import { Effect } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as Ids from "../model/Ids.js"
import * as StepRecord from "../model/StepRecord.js"
import type { AttemptSteps } from "./StepLog.js"

export interface IssuedRecords extends Pick<AttemptSteps, "issue" | "issueParts" | "committed"> {
  /**
   * An event of the executor as it may enter the log. One with the name of a record that was not issued here, such as that of
   * a remote agent, gets another name.
   */
  readonly admit: (event: AgentEvent.LogEvent) => AgentEvent.LogEvent

  /** Whether this attempt has recorded a step that no attempt before it had. */
  readonly progressed: () => boolean

  /** Takes note of events that are in the log. */
  readonly appended: (events: ReadonlyArray<AgentEvent.LogEvent>) => void
}

/** A record that was issued, the events of it that are outstanding, and the waits for its commit. */
interface OpenRecord {
  /** How many of its events may still enter the log, and how many are not in the log yet. */
  toAdmit: number
  toCommit: number
  readonly waiting: Array<() => void>
}

export const make = (): IssuedRecords => {
  const issued = new Map<string, OpenRecord>()
  let progressed = false

  const issueParts: AttemptSteps["issueParts"] = (name, parts) =>
    Effect.map(Ids.uuidV7, (id) => {
      issued.set(id, { toAdmit: parts.length, toCommit: parts.length, waiting: [] })
      return { id, events: parts.map((part) => AgentEvent.custom(name, { ...part, record_id: id })) }
    })

  return {
    issue: (name, record) =>
      Effect.map(issueParts(name, [record]), ({ events, id }) => ({ id, event: events[0]! })),
    issueParts,
    committed: (recordId) =>
      Effect.async((resume) => {
        const record = issued.get(recordId)
        if (record === undefined || record.toCommit === 0) resume(Effect.void)
        else record.waiting.push(() => resume(Effect.void))
      }),
    admit: (event) => {
      const id = StepRecord.recordIdOf(event)
      const record = id === undefined ? undefined : issued.get(id)
      if (record === undefined || record.toAdmit === 0) return AgentEvent.relayed(event)
      record.toAdmit -= 1
      progressed ||= StepRecord.isProgress(event)
      return event
    },
    progressed: () => progressed,
    appended: (events) => {
      for (const event of events) {
        const id = StepRecord.isReserved(event) ? StepRecord.recordIdOf(event) : undefined
        const record = id === undefined ? undefined : issued.get(id)
        if (record === undefined) continue
        record.toCommit -= 1
        if (record.toCommit > 0) continue
        for (const wake of record.waiting) wake()
      }
    },
  }
}
