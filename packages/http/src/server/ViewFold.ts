/** Turns the entries of a log into the frames of one view. */
import { AgentEvent, type RunLog } from "@runlease/core"
import * as EventStream from "./EventStream.js"
import { type Frames, writeSize } from "./ViewRing.js"

/** What shows the entries of a log, as `AgUiView.Fold` does. `isEnd`: the stream ends with the event. */
export interface EntryFold {
  readonly next: (event: AgentEvent.LogEvent, isEnd: boolean) => ReadonlyArray<AgentEvent.LogEvent>
  readonly copy: () => EntryFold
}

/** The frames of one entry as text, perhaps none. `isEnd`: the run ends or waits with it. */
interface EntryText {
  readonly id: number
  readonly text: string
  readonly isEnd: boolean
}

/** The frames of some entries. `isEnd`: the run ends or waits with the last one. */
export interface Folded extends Frames {
  readonly isEnd: boolean
}

export interface ViewFold {
  /** Takes entries that follow. */
  readonly take: (entries: ReadonlyArray<RunLog.LogEntry>) => void

  /** Whether it has entries whose frames it has not returned. */
  readonly hasMore: () => boolean

  /** The next frames, as many as one write takes, up to the next entry with which the run ends or waits. */
  readonly next: () => Folded

  /** Where it is, to begin again from there. None if an entry is folded whose frames were not returned. */
  readonly checkpoint: () => Checkpoint | undefined
}

/** A place in a log, with the view of all that is before it. */
export interface Checkpoint {
  readonly position: number
  /** A fold that begins here. */
  readonly start: () => ViewFold
}

const make = (
  view: EntryFold,
  position: number,
  json: (event: AgentEvent.LogEvent) => string,
  passed: number,
): ViewFold => {
  let entries: ReadonlyArray<RunLog.LogEntry> = []
  let index = 0
  /** An entry that is folded, and did not fit into the last write. */
  let folded: EntryText | undefined
  let last = position

  /** Only the last event of an entry carries its id, so that a client never skips one. */
  const fold = ({ event, eventId, sequence }: RunLog.LogEntry): EntryText => {
    const isEnd = sequence === null && eventId > passed && AgentEvent.endsRun(event)
    const shown = view.next(event, isEnd)
    const end = shown.length - 1
    let text = ""
    for (let at = 0; at <= end; at++) {
      text += EventStream.frame(json(shown[at]!), at === end ? eventId : undefined)
    }
    return { id: eventId, text, isEnd }
  }

  return {
    hasMore: () => folded !== undefined || index < entries.length,

    take: (added) => {
      entries = added
      index = 0
    },

    next: () => {
      const ids: Array<number> = []
      const ends: Array<number> = []
      let text = ""
      let bytes = 0
      let isEnd = false
      while (!isEnd && (folded !== undefined || index < entries.length)) {
        folded ??= fold(entries[index++]!)
        if (ids.length > 0 && text.length + folded.text.length > writeSize) break
        text += folded.text
        bytes += Buffer.byteLength(folded.text)
        ids.push(folded.id)
        ends.push(bytes)
        isEnd = folded.isEnd
        last = folded.id
        folded = undefined
      }
      if (index === entries.length) entries = []
      if (entries.length === 0) index = 0
      return { ids, ends, bytes: Buffer.from(text), isEnd }
    },

    checkpoint: () => (folded === undefined ? checkpointAt(view.copy(), last, json, passed) : undefined),
  }
}

/** The place after `position`, where the view is. `json` is the text of an event. Ends of parts up to `passed` are passed over. */
export const checkpointAt = (
  view: EntryFold,
  position: number,
  json: (event: AgentEvent.LogEvent) => string,
  passed = 0,
): Checkpoint => ({ position, start: () => make(view.copy(), position, json, passed) })
