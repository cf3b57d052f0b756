/**
 * Server-sent events: LF framing, the first bytes at once, a comment now and then so that no proxy gives up.
 *
 * @since 0.1.0
 */
import { type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Duration, Effect, Mailbox, Option, Schedule, type Scope, Stream } from "effect"
import type { CurrentPrincipal } from "../contract/Principal.js"
import { Shutdown } from "./Shutdown.js"
import { Revocation } from "./Revocation.js"
import { StreamTurns } from "./StreamTurns.js"

const keepAliveInterval = Duration.seconds(15)
const comment = ":\n\n"

/** The number of writes that may wait for a client before the source waits. */
const capacity = 2

/** The number of characters that one write gathers; a larger event is a write of its own. */
const writeSize = 64 * 1024

/** A write of this many characters or more takes a turn of the event loop. */
const largeWrite = 16 * 1024

/** Gathers what comes one behind the other into writes. */
const gather = (frames: Iterable<string>): ReadonlyArray<string> => {
  const writes: Array<string> = []
  let size = Number.POSITIVE_INFINITY
  for (const frame of frames) {
    if (frame === "") continue
    if (size + frame.length > writeSize) {
      writes.push(frame)
      size = frame.length
    } else {
      writes[writes.length - 1] += frame
      size += frame.length
    }
  }
  return writes
}

/** One event, given as JSON text. That holds no line breaks, so it is one `data` line. */
export const frame = (json: string, id?: number): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${json}\n\n`

/**
 * The response that sends frames until they end, the server shuts down, or the caller's token is revoked, which drops
 * what waits for the client. A failure on the way ends it: a client that reconnects goes on from the last id it saw.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = <E>(
  frames: Stream.Stream<string, E>,
): Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  Shutdown | CurrentPrincipal | HttpServerRequest.HttpServerRequest | Revocation | Scope.Scope | StreamTurns
> =>
  Effect.gen(function* () {
    const shutdown = yield* Shutdown
    const { revoked } = yield* Revocation
    const turns = yield* StreamTurns
    const encoder = new TextEncoder()
    const written = yield* Mailbox.make<string>(capacity)
    const write = (text: string) =>
      text.length < largeWrite ? written.offer(text) : Effect.zipRight(turns.next, written.offer(text))
    yield* write(comment)
    yield* Effect.raceFirst(
      Stream.runForEachChunk(frames, (chunk) => Effect.forEach(gather(chunk), write, { discard: true })),
      Effect.zipRight(revoked, written.shutdown),
    ).pipe(
      Effect.catchAllCause((cause) => Effect.logWarning("An event stream ended early", cause)),
      Effect.ensuring(written.end),
      Effect.forkScoped,
    )
    yield* write(comment).pipe(Effect.schedule(Schedule.spaced(keepAliveInterval)), Effect.forkScoped)
    yield* Effect.forkScoped(Effect.zipRight(shutdown.begun, written.end))
    // One at a time, so that a client which does not read has one write in bytes; its text is shared with other viewers.
    const bytes = Stream.repeatEffectOption(
      Effect.mapBoth(written.take, {
        onFailure: () => Option.none(),
        onSuccess: (text) => encoder.encode(text),
      }),
    )
    return HttpServerResponse.stream(bytes, {
      contentType: "text/event-stream",
      headers: { "cache-control": "no-cache", "x-accel-buffering": "no", connection: "close" },
    })
  })
