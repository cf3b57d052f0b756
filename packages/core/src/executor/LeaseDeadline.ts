/** The deadline of a run's lease, for executors that start work which can outlive the worker, such as processes. */
import { Context, Effect, Stream } from "effect"

/** The deadline of a lease, in nanoseconds of the worker's monotonic clock. Each renewal sets a later one. */
export interface Deadline {
  /** When the worker stops the run, unless the lease is renewed before. */
  readonly stopsAt: bigint
  /** When the control plane may give the run to another worker. */
  readonly endsAt: bigint
}

/** A deadline that renewals move. */
export interface MovingDeadline {
  /** Calls `listener` with the current deadline and with each later one, until the returned function is called. */
  readonly follow: (listener: (deadline: Deadline) => void) => () => void
}

/**
 * The deadline of the run that the fiber executes. Outside a worker there is none, and `follow` never calls its
 * listener.
 */
export class LeaseDeadline extends Context.Reference<LeaseDeadline>()(
  "@runlease/core/executor/LeaseDeadline",
  {
    defaultValue: (): MovingDeadline => ({ follow: () => () => {} }),
  },
) {}

/**
 * The current deadline, then the latest one after each renewal. The stream does not end with the lease: the run is
 * interrupted then.
 */
export const changes: Stream.Stream<Deadline> = Stream.unwrap(
  Effect.map(LeaseDeadline, ({ follow }) =>
    Stream.asyncPush<Deadline>(
      (emit) =>
        Effect.acquireRelease(
          Effect.sync(() => follow((deadline) => emit.single(deadline))),
          (unfollow) => Effect.sync(unfollow),
        ),
      { bufferSize: 1, strategy: "sliding" },
    ),
  ),
)
