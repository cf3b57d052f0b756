/**
 * New entries of a log as its readers get them.
 *
 * @since 0.1.0
 */
import { DateTime } from "effect"
import type { LogEvent } from "../../model/AgentEvent.js"
import type { NewEntry } from "../../rules/Transition.js"
import type { LogPiece } from "../rows/RunStore.js"
import type { LogGrowth } from "./Wakeups.js"

/** Readers own what they get, so each event is made anew from its text. */
const pieceOf = (entries: ReadonlyArray<NewEntry>, now: number): LogPiece => {
  const createdAt = DateTime.unsafeMake(now)
  return {
    entries: entries.map(({ eventId, sequence, text }) => ({
      eventId,
      sequence,
      event: JSON.parse(text) as LogEvent,
      createdAt,
    })),
    bytes: entries.reduce((bytes, { text }) => bytes + text.length, 0),
  }
}

/** The growth of a log by entries, of which it has at least one, that a commit of instant `now` has created. */
export const growthOf = (log: string, entries: ReadonlyArray<NewEntry>, now: number): LogGrowth => ({
  log,
  latest: entries.at(-1)?.eventId,
  piece: () => pieceOf(entries, now),
})
