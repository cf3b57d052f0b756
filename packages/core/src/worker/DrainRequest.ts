/** Whether the operator of a worker requests that it claims no more runs. It starts as not requested. */
import { Effect, Duration, Fiber } from "effect"
import type { Loss } from "./Lease.js"
import type { RunRecord } from "./RunRecord.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"

// The end of the runs of a worker that shuts down.

/** How long a drain waits for the fibers that it interrupts last. */
const lastWait = Duration.seconds(1)

/**
 * Waits `drainTimeout` for the runs to end, then up to `interruptGrace` for the bodies that happen at most once and have begun. Then it
 * interrupts the executors and hands the runs back, and at last leaves what has not ended, such as an executor that ignores its
 * interruption.
 *
 * `idle` is open while there are no records. `end` removes a record.
 */
export const runDrain = ({
  end,
  endLease,
  idle,
  options,
  records,
}: {
  readonly records: ReadonlySet<RunRecord>
  readonly idle: Effect.Latch
  readonly options: Resolved
  readonly endLease: (record: RunRecord, reason: Loss) => void
  readonly end: (record: RunRecord, event: WorkerEvent.WorkerEvent) => void
}): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.timeoutOption(idle.await, options.drainTimeout)
    yield* Effect.forEach(
      records,
      (record) =>
        Effect.map(Effect.timeoutOption(record.sink.releaseDrain, options.interruptGrace), () =>
          endLease(record, "Drained"),
        ),
      { concurrency: "unbounded", discard: true },
    )
    // The finalizers of the executor have the grace, and so has the hand-back.
    yield* Effect.timeoutOption(
      idle.await,
      Duration.sum(Duration.times(options.interruptGrace, 2), "1 second"),
    )
    const left = Array.from(records)
    if (left.length === 0) return
    const fibers = left.flatMap(({ phase }) => ("fiber" in phase ? [phase.fiber] : []))
    yield* Effect.timeoutOption(Effect.disconnect(Fiber.interruptAll(fibers)), lastWait)
    for (const record of left) end(record, WorkerEvent.leaseEnded(record.run, "Drained"))
  })

export interface DrainRequest {
  readonly isRequested: () => boolean

  /** Takes note of a request, or of its end. Whether that is new. */
  readonly set: (requested: boolean) => boolean

  /** Waits while a drain is requested. */
  readonly awaitNone: Effect.Effect<void>

  /** Calls `listener` with each request, and with its end. */
  readonly listen: (listener: (requested: boolean) => void) => void
}

export const make: Effect.Effect<DrainRequest> = Effect.map(Effect.makeLatch(true), (none) => {
  let isRequested = false
  const listeners: Array<(requested: boolean) => void> = []
  return {
    isRequested: () => isRequested,
    set: (requested) => {
      if (requested === isRequested) return false
      isRequested = requested
      if (requested) none.unsafeClose()
      else none.unsafeOpen()
      for (const listener of listeners) listener(requested)
      return true
    },
    awaitNone: none.await,
    listen: (listener) => void listeners.push(listener),
  }
})
