/**
 * Server-sent events: LF framing, the first bytes at once, a comment now and then so that nobody in between gives up.
 *
 * @since 0.1.0
 */
import { type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Chunk, Duration, Effect, Mailbox, Schedule, type Scope, Stream } from "effect"
import type { CurrentPrincipal } from "../Principal.js"
import { Closing } from "./Closing.js"
import { Revocation } from "./Revocation.js"

const keepAliveInterval = Duration.seconds(15)
const comment = ":\n\n"

/** How many writes may wait for a client before what they are made from does. */
const capacity = 16

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
  Closing | CurrentPrincipal | HttpServerRequest.HttpServerRequest | Revocation | Scope.Scope
> =>
  Effect.gen(function* () {
    const closing = yield* Closing
    const { revoked } = yield* Revocation
    const encoder = new TextEncoder()
    const written = yield* Mailbox.make<Uint8Array>(capacity)
    const write = (text: string) => written.offer(encoder.encode(text))
    yield* write(comment)
    yield* Effect.raceFirst(
      Stream.runForEachChunk(frames, (chunk) => write(Chunk.join(chunk, ""))),
      Effect.zipRight(revoked, written.shutdown),
    ).pipe(
      Effect.catchAllCause((cause) => Effect.logWarning("An event stream ended early", cause)),
      Effect.ensuring(written.end),
      Effect.forkScoped,
    )
    yield* write(comment).pipe(Effect.schedule(Schedule.spaced(keepAliveInterval)), Effect.forkScoped)
    yield* Effect.forkScoped(Effect.zipRight(closing.begun, written.end))
    return HttpServerResponse.stream(Mailbox.toStream(written), {
      contentType: "text/event-stream",
      headers: { "cache-control": "no-cache", "x-accel-buffering": "no", connection: "close" },
    })
  })
