/** What a test sees of threads: those that start, and what is logged when one fails. */
import { Effect, Logger, Queue } from "effect"
import type { Worker } from "node:worker_threads"

/** The threads of this process that start from now on, until the Scope closes. */
export const started = Effect.gen(function* () {
  const threads = yield* Queue.unbounded<Worker>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const listener = (thread: Worker) => void Queue.unsafeOffer(threads, thread)
      process.on("worker", listener)
      return listener
    }),
    (listener) => Effect.sync(() => process.off("worker", listener)),
  )
  return threads
})

/** The lines that are logged where `layer` is provided. */
export const logged = Effect.map(Queue.unbounded<string>(), (lines) => ({
  lines,
  layer: Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => void Queue.unsafeOffer(lines, String(message))),
  ),
}))
