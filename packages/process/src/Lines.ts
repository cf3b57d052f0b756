/** Splits bytes into lines of bounded length. */
import { Stream } from "effect"

/**
 * A line, or a piece of one. `number` counts lines from 1. `end` is the reason for its end: a newline (which `text` omits,
 * with a carriage return before it), the length limit, or the end of the input.
 */
export interface Line {
  readonly text: string
  readonly number: number
  readonly end: "newline" | "limit" | "input"
}

const newline = 10

/** Lines of at most `maxBytes`. A longer line comes in pieces, so memory stays bounded. */
export const split =
  (maxBytes: number) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Line, E, R> =>
    Stream.suspend(() => {
      let pending: Array<Uint8Array> = []
      let size = 0
      let number = 1

      const take = (end: Line["end"]): Line => {
        const raw = Buffer.concat(pending).toString("utf8")
        const line: Line = { text: end === "newline" ? raw.replace(/\r$/, "") : raw, number, end }
        pending = []
        size = 0
        if (end === "newline") number += 1
        return line
      }

      const push = (chunk: Uint8Array): ReadonlyArray<Line> => {
        const lines: Array<Line> = []
        let from = 0
        while (from < chunk.length) {
          const found = chunk.indexOf(newline, from)
          const stop = found === -1 ? chunk.length : found
          const fits = Math.min(stop, from + maxBytes - size)
          pending.push(chunk.subarray(from, fits))
          size += fits - from
          from = fits
          if (fits < stop) {
            lines.push(take("limit"))
          } else if (found !== -1) {
            lines.push(take("newline"))
            from += 1
          }
        }
        return lines
      }

      return Stream.concat(
        Stream.mapConcat(bytes, push),
        Stream.suspend(() => (size === 0 ? Stream.empty : Stream.make(take("input")))),
      )
    })
