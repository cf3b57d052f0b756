/**
 * A page that shows one run: its summary as it changes, and the entries of its log in batches.
 *
 * It has a position and stores nothing. What its client has not read stays in the tail of the log, which all readers of the log
 * share, so its next batch has it.
 */
import { type ControlPlaneError, Run, RunLog } from "@runlease/core"
import { Cause, Exit } from "effect"
import * as EventStream from "./EventStream.js"
import type { LiveRun, Page } from "./LiveRun.js"
import { largeWrite } from "./StreamTurns.js"

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

/** `after`: entries up to here are not sent. */
export interface Options {
  readonly run: LiveRun
  readonly reader: RunLog.LogReader
  readonly stream: EventStream.EventStream
  readonly after: number
  /** Calls back when the next batch may be sent. */
  readonly pause: (wake: () => void) => void
  /** Called when the log cannot be read, after the stream was ended. */
  readonly onFailure: (cause: Cause.Cause<Failure>) => void
}

export interface JoinedPage {
  /** Takes what it can, since the client takes more. */
  readonly take: () => void

  /** Leaves the run. */
  readonly leave: () => void
}

const endFrame = new TextEncoder().encode(EventStream.namedFrame("end", "{}"))

/** The control plane writes an entry for each change of the run's state. */
const isChange = ({ sequence }: RunLog.LogEntry): boolean => sequence === null

/** Has a stream show a run. */
export const join = ({ onFailure, pause, reader, run, after, stream }: Options): JoinedPage => {
  /** The log as it was when the page was opened comes as fast as the client takes it. */
  const opened = run.summary().latestEventId
  let position = after
  let sentSummary: Uint8Array | undefined
  let logEnded = false
  let isReading = false
  let isPaused = false
  let inTurn = false
  let isTaking = false
  let hasLeft = false
  let stopReading = (): void => {}
  let unshown: RunLog.LogEntries | undefined

  const takesFrames = (): boolean => stream.isReady() && !inTurn && !hasLeft

  const fail = (cause: Cause.Cause<Failure>): void => {
    stream.end()
    onFailure(cause)
  }

  const startPause = (): void => {
    isPaused = true
    pause(() => {
      isPaused = false
      take()
    })
  }

  /** Takes note of entries that the client has, perhaps none. */
  const pass = ({ ended, entries }: RunLog.LogEntries): void => {
    position = entries.at(-1)?.eventId ?? position
    logEnded = ended
    const changed = entries.findLast(isChange)?.eventId ?? 0
    const { isTerminal, latestEventId } = run.summary()
    if (changed > latestEventId || (ended && !isTerminal)) run.refresh()
    if (entries.length > 0 && position >= opened && !isTerminal) startPause()
  }

  const write = (frame: Uint8Array, read: RunLog.LogEntries): void => {
    stream.write(frame)
    pass(read)
  }

  const show = (read: RunLog.LogEntries): void => {
    if (read.entries.length === 0) return pass(read)
    const frame = run.entriesFrame(read.entries)
    if (frame.length < largeWrite) return write(frame, read)
    inTurn = true
    stream.takeTurn(() => {
      inTurn = false
      if (takesFrames()) write(frame, read)
      take()
    })
  }

  const takeEntries = (exit: Exit.Exit<RunLog.LogEntries, Failure>): void => {
    isReading = false
    if (Exit.isFailure(exit)) return fail(exit.cause)
    // A client that takes no more now gets what it has read when it does, by another reading.
    if (takesFrames()) unshown = exit.value
    take()
  }

  /** One step; false when there is none until the client, the log, the summary or the timer has one. */
  const step = (): boolean => {
    if (!takesFrames()) return false
    if (unshown !== undefined) {
      const read = unshown
      unshown = undefined
      show(read)
      return true
    }
    const { frame, isTerminal } = run.summary()
    if (frame !== sentSummary) {
      stream.write(frame)
      sentSummary = frame
      return true
    }
    if (logEnded) {
      // The last summary comes before the end.
      if (isTerminal) {
        stream.write(endFrame)
        stream.end()
      }
      return false
    }
    if (isReading || isPaused) return false
    isReading = true
    stopReading = reader.next(Run.EventId.make(position, { disableValidation: true }), takeEntries)
    return !isReading
  }

  const take = (): void => {
    // What is read at once is sent within the step that reads it.
    if (isTaking) return
    isTaking = true
    try {
      while (step());
    } catch (defect) {
      fail(Cause.die(defect))
    } finally {
      isTaking = false
    }
  }

  const page: Page = { take, end: stream.end }
  run.join(page)
  return {
    take,
    leave: () => {
      hasLeft = true
      stopReading()
      run.leave(page)
    },
  }
}
