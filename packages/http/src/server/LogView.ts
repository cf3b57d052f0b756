/**
 * One view of one log: it reads the log as its viewers take it, encodes each entry once, and has the newest frames in a ring.
 *
 * It reads on when a viewer that has all of its frames takes more. So a view whose viewers are all slow is as slow as the
 * fastest of them, and a viewer that is too slow for the ring falls behind it.
 *
 * Source: docs/decisions/0048-viewers.md
 */
import { AgentEvent, type ControlPlaneError, Run, RunLog } from "@runlease/core"
import { type Context, Effect, Exit } from "effect"
import * as EventStream from "./EventStream.js"
import * as ViewRing from "./ViewRing.js"
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
interface Folded extends Frames {
  readonly isEnd: boolean
}

/** Turns the entries of a log into the frames of one view. */
interface ViewFold {
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

const foldFrom = (
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
): Checkpoint => ({ position, start: () => foldFrom(view.copy(), position, json, passed) })

/** A viewer as its view sees it. */
export interface Viewer {
  readonly position: () => number

  /** Whether it takes what comes after this position. */
  readonly takesAfter: (position: number) => boolean

  /** Takes what it can of the view's frames. */
  readonly take: () => void

  /** Ends it where it is. */
  readonly end: () => void
}

/** `toPartEnd`: the view ends when the run ends or waits, not only with the log. */
export interface Options {
  readonly log: Context.Tag.Service<RunLog.RunLog>
  readonly runId: Run.Run["runId"]
  readonly from: Checkpoint
  readonly toPartEnd: boolean
  /** Whether other viewers may join. */
  readonly isShared: boolean
  /** Called with the entries that come next. */
  readonly onEntries: (entries: ReadonlyArray<RunLog.LogEntry>) => void
  /** Called when its last viewer has left. */
  readonly onEmpty: () => void
}

export interface LogView extends Pick<ViewRing.ViewRing, "first" | "last" | "after"> {
  readonly isShared: boolean

  /** Where it began. */
  readonly start: Checkpoint

  /** The least position of its viewers. */
  readonly leastPosition: () => number

  /** Whether nothing comes after its frames. */
  readonly hasEnded: () => boolean

  /** A recent place at or before its newest frames, where another view of the same log can begin. */
  readonly checkpoint: () => Checkpoint

  readonly join: (viewer: Viewer) => void

  readonly leave: (viewer: Viewer) => void

  /** Reads on, if a viewer takes more. */
  readonly pull: () => void

  /** Ends all viewers where they are. */
  readonly end: () => void

  /** Reads the log, as long as this is run and until the view has ended. After a failure it may be run again. */
  readonly run: Effect.Effect<void, Run.RunNotFound | ControlPlaneError.ControlPlaneError>
}

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

/** A view of a log that begins at a place in it. */
export const make = ({ from, isShared, log, onEmpty, onEntries, runId, toPartEnd }: Options): LogView => {
  const fold = from.start()
  const ring = ViewRing.make(from.position)
  const viewers = new Set<Viewer>()
  let checkpoint = from
  let sinceCheckpoint = 0
  /** The last entry that was read. */
  let read = from.position
  let logEnded = false
  let ended = false
  let reader: RunLog.LogReader | undefined
  let finish = (_exit: Exit.Exit<void, Failure>): void => {}
  let reading = false
  let pulling = false

  const isWanted = (): boolean => {
    const last = ring.last()
    for (const viewer of viewers) if (viewer.takesAfter(last)) return true
    return false
  }

  const addFrames = (): void => {
    const frames = fold.next()
    ring.add(frames)
    ended = toPartEnd && frames.isEnd
    sinceCheckpoint += frames.bytes.length
    if (sinceCheckpoint < ViewRing.maxBytes) return
    const here = fold.checkpoint()
    if (here === undefined) return
    checkpoint = here
    sinceCheckpoint = 0
  }

  const takeEntries = (exit: Exit.Exit<RunLog.LogEntries, Failure>): void => {
    reading = false
    if (Exit.isFailure(exit)) return finish(Exit.failCause(exit.cause))
    const { entries, ended: isEnd } = exit.value
    onEntries(entries)
    fold.take(entries)
    read = entries.at(-1)?.eventId ?? read
    logEnded = isEnd
    pull()
  }

  let stopReading = (): void => {}

  const showAll = (): void => {
    for (const viewer of viewers) viewer.take()
    if (ended) finish(Exit.void)
  }

  /** One step; false when there is none until the log or a viewer has one. */
  const step = (): boolean => {
    if (ended || reader === undefined) return false
    if (!fold.hasMore() && logEnded) {
      ended = true
      showAll()
      return false
    }
    if (!isWanted()) return false
    if (fold.hasMore()) {
      addFrames()
      showAll()
      return true
    }
    if (reading) return false
    reading = true
    stopReading = reader.next(Run.EventId.make(read, { disableValidation: true }), takeEntries)
    return !reading
  }

  const pull = (): void => {
    // A viewer that takes frames pulls as well.
    if (pulling) return
    pulling = true
    try {
      while (step());
    } catch (defect) {
      finish(Exit.die(defect))
    } finally {
      pulling = false
    }
  }

  const connect = (connected: RunLog.LogReader): Effect.Effect<void, Failure> =>
    Effect.async((resume) => {
      reader = connected
      const disconnect = (): void => {
        reader = undefined
        reading = false
        stopReading()
      }
      finish = (exit) => {
        disconnect()
        resume(exit)
      }
      pull()
      return Effect.sync(disconnect)
    })

  return {
    isShared,
    start: from,
    first: ring.first,
    last: ring.last,
    after: ring.after,
    leastPosition: () => Math.min(...Array.from(viewers, ({ position }) => position())),
    hasEnded: () => ended,
    checkpoint: () => checkpoint,
    join: (viewer) => {
      viewers.add(viewer)
      viewer.take()
    },
    leave: (viewer) => {
      if (viewers.delete(viewer) && viewers.size === 0) onEmpty()
    },
    pull,
    end: () => {
      for (const viewer of viewers) viewer.end()
    },
    run: Effect.scoped(Effect.flatMap(log.reader({ runId }), connect)),
  }
}
