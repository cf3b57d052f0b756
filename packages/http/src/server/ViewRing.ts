/** The newest frames of a view as bytes, as many as fit, which its viewers share. */

/** The size of a ring in bytes. It drops its oldest pieces to stay below, but never the newest one, whatever its size. */
export const maxBytes = 256 * 1024

/** The bytes that one write takes together; a larger piece is a separate write. */
export const writeSize = 64 * 1024

/**
 * The frames of successive entries of a log. `ends` has the place in the bytes where the frames of each end; an entry may
 * have none.
 */
export interface Frames {
  readonly ids: ReadonlyArray<number>
  readonly ends: ReadonlyArray<number>
  readonly bytes: Uint8Array
}

/** Bytes for a viewer, which is at `end` with them. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly end: number
}

export interface ViewRing {
  /** The position that the oldest frames follow. */
  readonly first: () => number

  /** The position of the newest frames. */
  readonly last: () => number

  /** The frames after a position that is not before `first`, as many as one write takes; none at the end. */
  readonly after: (position: number) => Piece | undefined

  /** Adds the frames of the next entries, of which there is one at least. */
  readonly add: (frames: Frames) => void
}

interface RingPiece {
  readonly frames: Frames
  /** The position that its first entry follows. */
  readonly start: number
  readonly end: number
}

/** The bytes of a piece after a position in it. */
const bytesAfter = ({ frames: { bytes, ends, ids }, start }: RingPiece, position: number): Uint8Array => {
  if (position <= start) return bytes
  const index = ids.findLastIndex((id) => id <= position)
  return index < 0 ? bytes : bytes.subarray(ends[index])
}

/** An empty ring whose first frames will be those of the entry that follows `start`. */
export const make = (start: number): ViewRing => {
  const pieces: Array<RingPiece> = []
  let last = start
  let size = 0

  return {
    first: () => pieces[0]?.start ?? last,
    last: () => last,

    after: (position) => {
      if (position >= last) return undefined
      const index = pieces.findLastIndex((piece) => piece.start <= position)
      const first = bytesAfter(pieces[index]!, position)
      const parts = [first]
      let length = first.length
      let next = index + 1
      while (next < pieces.length && length + pieces[next]!.frames.bytes.length <= writeSize) {
        const { bytes } = pieces[next]!.frames
        length += bytes.length
        parts.push(bytes)
        next += 1
      }
      return { bytes: parts.length === 1 ? first : Buffer.concat(parts, length), end: pieces[next - 1]!.end }
    },

    add: (frames) => {
      const end = frames.ids.at(-1)!
      pieces.push({ frames, start: last, end })
      last = end
      size += frames.bytes.length
      while (size > maxBytes && pieces.length > 1) size -= pieces.shift()!.frames.bytes.length
    },
  }
}
