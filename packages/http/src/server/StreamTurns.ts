/**
 * Turns of the event loop, for event streams that have much to write.
 *
 * A socket takes megabytes at once, and neither its drain nor a fiber that yields lets timers and other sockets run. So
 * streams that replay large logs would hold the loop until every socket is full.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer } from "effect"

export class StreamTurns extends Context.Tag("@runlease/http/server/StreamTurns")<
  StreamTurns,
  {
    /** Waits for the next turn of the event loop that no other stream has taken. */
    readonly next: Effect.Effect<void>
  }
>() {}

export const layer: Layer.Layer<StreamTurns> = Layer.effect(
  StreamTurns,
  Effect.map(Effect.makeSemaphore(1), (turns) => ({ next: turns.withPermits(1)(Effect.sleep(0)) })),
)
