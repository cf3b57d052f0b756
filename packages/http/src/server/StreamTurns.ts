/**
 * Turns of the event loop, for event streams that have much to write.
 *
 * A socket takes megabytes at once, and neither its drain nor a fiber that yields lets timers and other sockets run. So
 * streams that replay large logs would hold the loop until every socket is full.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer } from "effect"

/** A write of this many bytes or more takes a turn. */
export const largeWrite = 16 * 1024

export class StreamTurns extends Context.Tag("@runlease/http/server/StreamTurns")<
  StreamTurns,
  {
    /** Calls `write` in the next turn of the event loop that no other stream has taken. */
    readonly take: (write: () => void) => void
  }
>() {}

export const layer: Layer.Layer<StreamTurns> = Layer.sync(StreamTurns, () => {
  const writes: Array<() => void> = []
  const turn = (): void => {
    const write = writes.shift()
    if (writes.length > 0) setImmediate(turn)
    write?.()
  }
  return {
    take: (write) => {
      if (writes.push(write) === 1) setImmediate(turn)
    },
  }
})

/** Waits for a turn. */
export const next: Effect.Effect<void, never, StreamTurns> = Effect.flatMap(StreamTurns, ({ take }) =>
  Effect.async<void>((resume) => take(() => resume(Effect.void))),
)
