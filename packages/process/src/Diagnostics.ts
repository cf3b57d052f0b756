/** Logs a program's stderr, and returns its end for the message of a failure. */
import { Chunk, Effect, Stream } from "effect"
import * as Lines from "./Lines.js"

const maxLineBytes = 8 * 1024
const maxTailBytes = 4 * 1024

interface Tail {
  readonly lines: Chunk.Chunk<string>
  readonly bytes: number
}

const none: Tail = { lines: Chunk.empty(), bytes: 0 }

const append = (tail: Tail, text: string): Tail => {
  let lines: Chunk.Chunk<string> = Chunk.append(tail.lines, text)
  let bytes = tail.bytes + Buffer.byteLength(text) + 1
  while (bytes > maxTailBytes && lines.length > 1) {
    bytes -= Buffer.byteLength(Chunk.unsafeHead(lines)) + 1
    lines = Chunk.drop(lines, 1)
  }
  return { lines, bytes }
}

/** The annotation of log entries from a program's stderr: `stream=stderr`. */
export const annotation = { stream: "stderr" } as const

/**
 * Logs each line with `annotation` and returns the last 4 KiB. A line over 8 KiB is logged in pieces. Both omit the values of
 * `secrets`, since more people may read a failure's message.
 */
export const log = (
  bytes: Stream.Stream<Uint8Array>,
  secrets: ReadonlyArray<string>,
): Effect.Effect<string> =>
  bytes.pipe(
    Lines.split(maxLineBytes),
    Stream.map((line) => secrets.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), line.text)),
    Stream.tap((text) => Effect.annotateLogs(Effect.logInfo(text), annotation)),
    Stream.runFold(none, append),
    Effect.map((tail) => Chunk.join(tail.lines, "\n").slice(-maxTailBytes)),
  )
