/**
 * A child's output pipe as a Stream that reads only what is pulled.
 *
 * @since 0.1.0
 */
import { Deferred, Effect, Option, Stream } from "effect"
import type { Readable } from "node:stream"

/** The next turn of the event loop, before which it has polled its pipes once. */
const nextTurn = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** More than a pipe holds. What a process that got away adds to it does not keep a run from its end. */
const maxLeftBytes = 1024 * 1024

/**
 * Pulls from `readable` until it ends; or, once `gone` is done, until there is nothing to read, since a process
 * that got away may hold the pipe open for ever.
 *
 * It is to be called in the turn in which the child is spawned: Node.js drops the unread output of a child that
 * has exited unless something listens.
 *
 * @since 0.1.0
 * @category streams
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
      // A read that finds nothing asks for more, which is there after two turns if it is there at all.
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
