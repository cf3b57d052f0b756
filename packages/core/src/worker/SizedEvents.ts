/** Events with their size, so that they fit into the appends of a log. */
import type * as AgentEvent from "../model/AgentEvent.js"
import * as JsonText from "../model/JsonText.js"
import { maxBatch, maxEventBytes } from "../ports/RunLog.js"
import { sizeOf } from "../ports/AppendRules.js"

/** An event, and an upper bound of its bytes as JSON. */
export interface SizedEvent {
  readonly event: AgentEvent.LogEvent
  readonly bytes: number
}

/** The most bytes of events in one append, unless its first event alone is larger. */
const maxBatchBytes = 1_048_576

const splittable = new Set(["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_ARGS"])

const measure = (event: AgentEvent.LogEvent): SizedEvent => {
  // A UTF-16 unit is at most three bytes, so the exact size of most events is not needed.
  const bound = JSON.stringify(event).length * 3
  return { event, bytes: bound <= maxEventBytes ? bound : sizeOf(event) }
}

/** The event itself, or, when its delta is too long for the log, several events with parts of the delta. */
export const fit = (event: AgentEvent.LogEvent): ReadonlyArray<SizedEvent> => {
  const whole = measure(event)
  const delta = event["delta"]
  if (whole.bytes <= maxEventBytes || !splittable.has(event.type) || typeof delta !== "string") return [whole]
  const room = maxEventBytes - sizeOf({ ...event, delta: "" })
  if (room < 6) return [whole]
  return JsonText.split(delta, room).map((part) => measure({ ...event, delta: part }))
}

/** The first events of `waiting` that fit into one append. */
export const batchOf = (waiting: ReadonlyArray<SizedEvent>): ReadonlyArray<AgentEvent.LogEvent> => {
  let bytes = 0
  let count = 0
  for (const sized of waiting) {
    bytes += sized.bytes
    if (count > 0 && (count === maxBatch || bytes > maxBatchBytes)) break
    count += 1
  }
  return waiting.slice(0, count).map(({ event }) => event)
}
