/** What the open pages of one run share: its summary, and the newest batch of its log as bytes. */
import { Run, type RunLog, type Summaries } from "@runlease/core"
import { type Cause, Exit, Schema } from "effect"
import * as LogEntry from "../Wire/LogEntry.js"
import { RunSummary } from "../Wire/RunSummary.js"
import * as EventStream from "./EventStream.js"

/** A page as its run sees it. */
export interface Page {
  /** Takes what has changed. */
  readonly take: () => void

  /** Ends it where it is. */
  readonly end: () => void
}

/** A summary as pages are sent it. It has the changes of all entries up to `latestEventId`. */
export interface Summary {
  readonly latestEventId: number
  readonly isTerminal: boolean
  readonly frame: Uint8Array
}

export interface Options<E> {
  readonly first: Summary
  /** Reads the summary, and calls back once. */
  readonly read: (take: (exit: Exit.Exit<Summary, E>) => void) => void
  /** Calls back in a while: a renewal of the lease writes no entry. */
  readonly pause: (wake: () => void) => void
  /** Called when the summary cannot be read, after its pages were ended. */
  readonly onFailure: (cause: Cause.Cause<E>) => void
  /** Called when its last page has left. */
  readonly onEmpty: () => void
}

export interface LiveRun {
  readonly summary: () => Summary

  /** Takes a summary that was read elsewhere. One that is older than the present one changes nothing. */
  readonly offer: (summary: Summary) => void

  /** Reads the summary again, for all pages. */
  readonly refresh: () => void

  /** The frame of successive entries of the log, of which there is one at least. */
  readonly entriesFrame: (entries: ReadonlyArray<RunLog.LogEntry>) => Uint8Array

  readonly join: (page: Page) => void

  readonly leave: (page: Page) => void
}

const encodeSummary = Schema.encodeSync(RunSummary)

export const toSummary = (summary: Summaries.RunSummary): Summary => ({
  latestEventId: summary.latestEventId,
  isTerminal: Run.isTerminal(summary.status),
  frame: Buffer.from(EventStream.namedFrame("run", JSON.stringify(encodeSummary(summary)))),
})

const entriesFrame = (entries: ReadonlyArray<RunLog.LogEntry>): Uint8Array =>
  Buffer.from(
    EventStream.namedFrame("entries", JSON.stringify(entries.map(LogEntry.encode)), entries.at(-1)!.eventId),
  )

/** A run without pages. Its summary is read as long as it has any and has not ended. */
export const make = <E>({ first, onEmpty, onFailure, pause, read }: Options<E>): LiveRun => {
  const pages = new Set<Page>()
  let latest = first
  let reading = false
  /** Whether the summary may have changed since it began to be read. */
  let stale = false
  let batch: { readonly first: number; readonly last: number; readonly frame: Uint8Array } | undefined

  const offer = (summary: Summary): void => {
    const isOlder = summary.latestEventId < latest.latestEventId
    if (isOlder || Buffer.compare(summary.frame, latest.frame) === 0) return
    latest = summary
    for (const page of pages) page.take()
  }

  const takeSummary = (exit: Exit.Exit<Summary, E>): void => {
    reading = false
    if (Exit.isFailure(exit)) {
      for (const page of pages) page.end()
      return onFailure(exit.cause)
    }
    offer(exit.value)
    if (stale) refresh()
  }

  const refresh = (): void => {
    stale = reading
    if (reading) return
    reading = true
    read(takeSummary)
  }

  const poll = (): void => {
    if (pages.size === 0 || latest.isTerminal) return
    refresh()
    pause(poll)
  }

  pause(poll)

  return {
    summary: () => latest,
    offer,
    refresh,
    entriesFrame: (entries) => {
      // A page alone stores nothing for others.
      if (pages.size === 1) return entriesFrame(entries)
      const [begin, end] = [entries[0]!.eventId, entries.at(-1)!.eventId]
      if (batch?.first !== begin || batch.last !== end) {
        batch = { first: begin, last: end, frame: entriesFrame(entries) }
      }
      return batch.frame
    },
    join: (page) => {
      pages.add(page)
      page.take()
    },
    leave: (page) => {
      if (pages.delete(page) && pages.size === 0) onEmpty()
    },
  }
}
