/**
 * When the lease of a run ends, for executors that start what outlives the worker's attention, such as processes.
 *
 * @since 0.1.0
 */
import { Context, Effect, Stream } from "effect"

/**
 * The deadline of a lease, in nanoseconds of the monotonic clock of the worker. Each renewal gives a later one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadline {
  /** When the worker stops the run, if the lease is not renewed before. */
  readonly stopsAt: bigint
  /** When the control plane may give the run to another worker. */
  readonly endsAt: bigint
}

/**
 * The deadline of the run that the fiber executes. Outside a worker there is none, and `follow` calls nothing.
 *
 * @since 0.1.0
 * @category services
 */
export class LeaseDeadline extends Context.Reference<LeaseDeadline>()("@runlease/core/LeaseDeadline", {
  defaultValue: (): {
    /** Calls `listener` with the deadline of now, and with each later one until what it gives is called. */
    readonly follow: (listener: (deadline: Deadline) => void) => () => void
  } => ({ follow: () => () => {} }),
}) {}

/**
 * The deadline of now, then the newest after each renewal. It does not end with the lease: the run is interrupted then.
 *
 * @since 0.1.0
 * @category observing
 */
export const changes: Stream.Stream<Deadline> = Stream.unwrap(
  Effect.map(LeaseDeadline, ({ follow }) =>
    Stream.asyncPush<Deadline>(
      (emit) =>
        Effect.acquireRelease(
          Effect.sync(() => follow((deadline) => emit.single(deadline))),
          (leave) => Effect.sync(leave),
        ),
      { bufferSize: 1, strategy: "sliding" },
    ),
  ),
)
