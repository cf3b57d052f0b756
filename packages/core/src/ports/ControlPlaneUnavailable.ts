/** The failure of a control plane that does not answer, and how its callers try again. */
import { Duration, Effect, Predicate, Schedule, Schema } from "effect"

/**
 * The control plane did not answer: its store is down, or it cannot be reached. It says nothing of who owns a run: a
 * caller that holds a lease keeps it until its own deadline.
 *
 * `retryable` is false where the control plane does not come back, for example once it is closed or its database is
 * damaged. `message` may name hosts and files. `detail` is the text that a server may send to its clients.
 * `retryAfterMillis` is the wait that the control plane requests, where it requests one.
 */
export class ControlPlaneUnavailable extends Schema.TaggedError<ControlPlaneUnavailable>(
  "@runlease/core/ControlPlaneUnavailable",
)("ControlPlaneUnavailable", {
  operation: Schema.String,
  message: Schema.String,
  detail: Schema.optional(Schema.String),
  retryable: Schema.optionalWith(Schema.Boolean, { default: () => true }),
  retryAfterMillis: Schema.optional(Schema.Number),
  cause: Schema.optional(Schema.Defect),
}) {}

/** The control plane was closed. It does not open again: a caller that outlives it has nothing to wait for. */
export const closed = (operation: string): ControlPlaneUnavailable =>
  new ControlPlaneUnavailable({ operation, message: "This control plane is closed", retryable: false })

const growing = (first: Duration.DurationInput, most: Duration.DurationInput) =>
  Schedule.union(Schedule.exponential(first), Schedule.spaced(most))

/** Timers have whole milliseconds, and the clock of a test cannot read a fraction of one. */
const wholeMillis = <Out, In>(schedule: Schedule.Schedule<Out, In>): Schedule.Schedule<Out, In> =>
  Schedule.modifyDelay(schedule, (_, delay) => Duration.millis(Math.ceil(Duration.toMillis(delay))))

/** Waits `first`, then twice as long each time, but at most `most`, give or take a fifth. */
export const backoff = (
  first: Duration.DurationInput,
  most: Duration.DurationInput,
): Schedule.Schedule<unknown> => wholeMillis(Schedule.jittered(growing(first, most)))

/** As `backoff`, give or take all of it: many callers that lose one server at one moment come back to it one after the other. */
export const spreadBackoff = (
  first: Duration.DurationInput,
  most: Duration.DurationInput,
): Schedule.Schedule<unknown> => wholeMillis(Schedule.jitteredWith(growing(first, most), { min: 0, max: 2 }))

/** By its tag, not by its class: a module that a worker loads may have its own copy of the class. */
const isUnavailable = (error: unknown): error is ControlPlaneUnavailable =>
  Predicate.isTagged(error, "ControlPlaneUnavailable")

const retryAfter = (error: unknown): Duration.Duration =>
  Duration.millis((isUnavailable(error) && error.retryAfterMillis) || 0)

/** Adds `retryAfterMillis` of the error that the schedule is fed with, if it has one, to each delay. */
export const withRetryAfter = <Out, In, R>(
  schedule: Schedule.Schedule<Out, In, R>,
): Schedule.Schedule<In, In, R> =>
  Schedule.modifyDelay(Schedule.passthrough(schedule), (error, delay) =>
    Duration.sum(delay, retryAfter(error)),
  )

const isTransient = (error: unknown): error is ControlPlaneUnavailable =>
  isUnavailable(error) && error.retryable

/** When an effect that has failed is repeated, and for which errors. */
export interface RetryOptions<E> {
  readonly schedule: Schedule.Schedule<unknown, E>
  readonly while: (error: E) => boolean
}

/** As `Effect.retry`. The loop is only made for an effect that has failed: most never do. */
export const retry = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: RetryOptions<E>,
): Effect.Effect<A, E, R> =>
  Effect.catchAll(effect, (error) => {
    if (!options.while(error)) return Effect.fail(error)
    let next: Effect.Effect<A, E, R> = Effect.fail(error)
    const attempts = Effect.suspend(() => {
      const attempt = next
      next = effect
      return attempt
    })
    return Effect.retry(attempts, options)
  })

/** Retries by `schedule` for as long as the effect fails with a `ControlPlaneUnavailable` that is retryable. */
export const untilAvailable =
  <Out>(schedule: Schedule.Schedule<Out, unknown>) =>
  <A, E, R>(effect: Effect.Effect<A, E | ControlPlaneUnavailable, R>) =>
    retry<A, E | ControlPlaneUnavailable, R>(effect, { schedule, while: isTransient })

/**
 * Retries while the control plane is unavailable, for operations under a lease: the run is interrupted when its lease
 * ends, so no other bound is needed.
 *
 * Waits 50 milliseconds, doubled up to 2 seconds, and longer where the control plane requests it.
 */
export const retryUnavailable = untilAvailable(withRetryAfter(backoff("50 millis", "2 seconds")))
