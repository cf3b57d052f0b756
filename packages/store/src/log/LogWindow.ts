/** The last entries of a log, as many as fit, which its followers share. */
import type { LogEntry } from "@runlease/core/RunLog"
import type { LogPiece } from "../rows/RunStore.js"

/** The size of a window. It drops its oldest pieces to stay below, but never the newest one, whatever its size. */
const maxBytes = 256 * 1024

/** The rough size of an entry in memory besides its JSON. */
const entryBytes = 256

export interface LogWindow {
  /** The id of the last entry. */
  readonly last: () => number

  /** All entries after `position`; undefined when the window does not reach back so far, or not yet so far. */
  readonly after: (position: number) => ReadonlyArray<LogEntry> | undefined

  /**
   * Adds the new entries of a piece, whose first entry follows `position` in the log. False when it has no new entries,
   * or when the window lacks entries before `position`.
   */
  readonly add: (position: number, piece: LogPiece) => boolean
}

interface WindowPiece extends LogPiece {
  /** The position that its first entry follows. */
  readonly start: number
}

const sizeOf = ({ bytes, entries }: LogPiece): number => bytes + entries.length * entryBytes

const entriesAfter = ({ entries, start }: WindowPiece, position: number): ReadonlyArray<LogEntry> =>
  start === position ? entries : entries.filter(({ eventId }) => eventId > position)

/** An empty window whose first entry will be the one that follows `start`. */
export const make = (start: number): LogWindow => {
  const pieces: Array<WindowPiece> = []
  let first = start
  let last = start
  let size = 0

  return {
    last: () => last,

    after: (position) => {
      if (position < first || position > last) return undefined
      if (position === last) return []
      const index = pieces.findLastIndex((piece) => piece.start <= position)
      const entries = entriesAfter(pieces[index]!, position)
      return index === pieces.length - 1
        ? entries
        : entries.concat(...pieces.slice(index + 1).map((piece) => piece.entries))
    },

    add: (position, { bytes, entries }) => {
      if (position > last) return false
      const added: WindowPiece = {
        start: last,
        entries: entriesAfter({ start: position, entries, bytes }, last),
        bytes,
      }
      const end = added.entries.at(-1)
      if (end === undefined) return false
      pieces.push(added)
      last = end.eventId
      size += sizeOf(added)
      while (size > maxBytes && pieces.length > 1) {
        size -= sizeOf(pieces.shift()!)
        first = pieces[0]!.start
      }
      return true
    },
  }
}
