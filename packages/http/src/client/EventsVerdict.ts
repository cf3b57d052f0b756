import type * as Refusal from "../contract/Refusal.js"
import { type Ids, RunLog } from "@runlease/core"
import * as Verdicts from "../contract/VerdictTable.js"

const reasonOf = (body: Refusal.Body): RunLog.EventRefused["reason"] | undefined => {
  switch (body.error) {
    case "event_malformed":
      return "malformed"
    case "event_too_large":
      return "too_large"
    case "event_terminal":
      return "terminal"
    case "event_batch_size":
      return "batch_size"
    default:
      return body.detail.includes("payload must be less than") ? "too_large" : undefined
  }
}

/** What a refusal says of the events that were sent, or of the cursor that came with them. */
export const eventsVerdict = (
  runId: Ids.RunId,
  { body }: Refusal.Refusal,
): RunLog.CursorMismatch | RunLog.EventRefused | undefined => {
  const { latest_event_id: latestEventId, latest_external_event_sequence: latestSequence } = body
  // Another server does not tell where the log is.
  if (
    body.detail === Verdicts.details.cursorMismatch &&
    latestEventId !== undefined &&
    latestSequence !== undefined
  ) {
    return new RunLog.CursorMismatch({ runId, latestEventId, latestSequence })
  }
  const reason = reasonOf(body)
  if (reason === undefined) return undefined
  const index = Number(/\d+/.exec(body.field ?? "")?.[0] ?? 0)
  return new RunLog.EventRefused({ index, reason, message: body.detail })
}
