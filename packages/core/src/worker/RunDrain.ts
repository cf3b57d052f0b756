/**
 * The end of the runs of a worker that shuts down.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Fiber } from "effect"
import type { Loss } from "./Lease.js"
import type { RunRecord } from "./RunRecord.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"

/** How long a drain waits for the fibers that it interrupts last. */
const lastWait = Duration.seconds(1)

/**
 * Waits `drainTimeout` for the runs to end, then up to `interruptGrace` for the bodies that happen at most once and have begun. Then it
 * interrupts the executors and hands the runs back, and at last leaves what has not ended, such as an executor that ignores its
 * interruption.
 *
 * `idle` is open while there are no records. `end` removes a record.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({
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
