/**
 * Server-sent events: LF framing, the first bytes at once, a comment now and then so that nobody in between gives up.
 *
 * @since 0.1.0
 */
import { HttpServerResponse } from "@effect/platform"
import { Chunk, Duration, Effect, Schedule, Stream } from "effect"
import { Closing } from "./Closing.js"

const keepAliveInterval = Duration.seconds(15)
const comment = ":\n\n"

const keepAlives = Stream.as(Stream.fromSchedule(Schedule.spaced(keepAliveInterval)), comment)

/** One event. JSON text holds no line breaks, so it is one `data` line. */
export const frame = (data: unknown, id?: number): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

/**
 * The response that sends frames until they end or the server shuts down. A failure on the way ends it: a client that
 * reconnects goes on from the last id it saw.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = <E>(
  frames: Stream.Stream<string, E>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Closing> =>
  Effect.map(Closing, (closing) =>
    frames.pipe(
      Stream.mapChunks((chunk) => Chunk.of(Chunk.join(chunk, ""))),
      Stream.catchAllCause((cause) =>
        Stream.drain(Stream.fromEffect(Effect.logWarning("An event stream ended early", cause))),
      ),
      Stream.merge(keepAlives, { haltStrategy: "left" }),
      (body) => Stream.concat(Stream.succeed(comment), body),
      Stream.interruptWhen(closing.begun),
      Stream.encodeText,
      (body) =>
        HttpServerResponse.stream(body, {
          contentType: "text/event-stream",
          headers: { "cache-control": "no-cache", "x-accel-buffering": "no", connection: "close" },
        }),
    ),
  )
