/** The job of the part `blocked` in BullMQ: its queue, and a worker of one job at a time. */
import { Queue, Worker } from "bullmq"
import { Effect, type Scope } from "effect"

export interface Options {
  readonly port: number
  /** The name of the queue. */
  readonly name: string
}

/** The Scope closes it. */
export const queue = ({ name, port }: Options): Effect.Effect<Queue, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Queue(name, { connection: { host: "127.0.0.1", port } })),
    (made) => Effect.promise(() => made.close()),
  )

/** Starts a worker with a lock of so many seconds, which lasts as long as the process. */
export const startWorker = (
  { name, port }: Options,
  lock: number,
  execute: () => void,
): Effect.Effect<void> =>
  Effect.promise(async () => {
    const worker = new Worker(name, async () => execute(), {
      connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null },
      concurrency: 1,
      lockDuration: lock * 1000,
      // As often as our leases are renewed.
      stalledInterval: Math.floor((lock * 1000) / 3),
    })
    // The lock that it has lost is an error of the worker.
    worker.on("error", () => {})
    await worker.waitUntilReady()
  })
