/** Invariants of every log, independent of what happened to its run. */
import { isChildEvent } from "@runlease/core/internal/ChildEvent"
import { canonicalJson } from "@runlease/core/executor/Json"
import { isMessage } from "@runlease/core/InboxMessage"
import * as LogState from "@runlease/core/store/LogState"
import { endsLog } from "@runlease/core/store/ControlEvents"
import type { LogEntry } from "@runlease/core/RunLog"

/**
 * The invariants that the log of an ended run violates, as sentences; empty for a valid log.
 *
 * @category checking
 */
export const violations = (entries: ReadonlyArray<LogEntry>): ReadonlyArray<string> => {
  const broken: Array<string> = []
  const must = (holds: boolean, sentence: string) => {
    if (!holds) broken.push(sentence)
  }
  must(
    entries.every(({ eventId }, index) => eventId === index + 1),
    "event ids begin at 1 and have no gap",
  )
  const external = entries.filter(({ sequence }) => sequence !== null)
  must(
    external.every(({ sequence }, index) => sequence === index + 1),
    "only appended events have a sequence, which begins at 1 and has no gap",
  )
  must(entries[0]?.event.type === "RUN_STARTED", "the first event is RUN_STARTED")
  must(
    entries.findIndex(endsLog) === entries.length - 1,
    "there is exactly one end, and it is the last event",
  )
  let state = LogState.initial
  let betweenRuns = false
  let open = 0
  for (const { event } of entries) {
    // A run that waits for a person may get messages, and its children may end.
    const isBetween = !isMessage(event) && !isChildEvent(event)
    if (event.type !== "RUN_STARTED" && !state.started && isBetween) betweenRuns = true
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") open += state.open.length
    state = LogState.next(state, event)
  }
  must(!betweenRuns, "every event lies between a start and an end")
  must(open === 0, "nothing is open at an end")
  const texts = external.map(({ event }) => canonicalJson(event))
  must(new Set(texts).size === texts.length, "no appended event is there twice")
  return broken
}
