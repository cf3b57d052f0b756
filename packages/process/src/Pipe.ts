/** A child's output pipe as a Stream that reads only on demand. */
import { Deferred, Effect, Option, Stream } from "effect"
import type { Readable } from "node:stream"

/** The next turn of the event loop. The loop polls its pipes once before it. */
const nextTurn = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** More than a pipe holds. An escaped process that continues to write must not delay the end of the run. */
const maxLeftBytes = 1024 * 1024

/**
 * Reads from `readable` until it ends. Once `gone` is done, it reads only the available data, since an escaped process may leave
 * the pipe open for ever.
 *
 * Call it in the turn that spawns the child: Node.js drops the unread output of an exited child unless there is a listener.
 */
export const read = (readable: Readable, gone: Deferred.Deferred<void>): Stream.Stream<Uint8Array> => {
  const ready = Effect.unsafeMakeLatch()
  for (const event of ["readable", "end", "error", "close"]) readable.on(event, () => ready.unsafeOpen())

  const available = Effect.sync(() => {
    ready.unsafeClose()
    return readable.read() as Buffer | null
  })

  let left = maxLeftBytes
  const pull = Effect.gen(function* () {
    while (true) {
      const last = yield* Deferred.isDone(gone)
      if (left <= 0) return yield* Effect.fail(Option.none<never>())
      // An empty read requests more data. If there is any, it arrives within two turns.
      const chunk =
        (yield* available) ??
        (last ? yield* Effect.zipRight(nextTurn, nextTurn).pipe(Effect.zipRight(available)) : null)
      if (chunk !== null) {
        if (last) left -= chunk.length
        return chunk
      }
      if (last || readable.readableEnded || readable.destroyed)
        return yield* Effect.fail(Option.none<never>())
      yield* Effect.raceFirst(ready.await, Deferred.await(gone))
    }
  })
  return Stream.repeatEffectOption(pull)
}
