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
  readonly current: () => Deadline

  /** Sets the deadline and calls its followers. */
  readonly set: (deadline: Deadline) => void

  /** Calls `listener` with the current deadline and with each later one, until the returned function is called. */
  readonly follow: (listener: (deadline: Deadline) => void) => () => void
}

/** Makes a deadline that can be moved. */
export const unsafeMake = (first: Deadline): MovingDeadline => {
  let current = first
  // Most executors follow no deadline.
  let followers: Set<(deadline: Deadline) => void> | undefined
  return {
    current: () => current,
    set: (deadline) => {
      current = deadline
      if (followers !== undefined) for (const follower of followers) follower(deadline)
    },
    follow: (listener) => {
      const set = (followers ??= new Set())
      set.add(listener)
      listener(current)
      return () => void set.delete(listener)
    },
  }
}

/**
 * The deadline of the run that the fiber executes. Outside a worker there is none, and `follow` never calls its
 * listener.
 */
export class LeaseDeadline extends Context.Reference<LeaseDeadline>()(
  "@runlease/core/executor/LeaseDeadline",
  {
    defaultValue: (): Pick<MovingDeadline, "follow"> => ({ follow: () => () => {} }),
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
