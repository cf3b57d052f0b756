/**
 * The settings of a worker, each with a default that suits an agent run of minutes.
 *
 * @since 0.1.0
 */
import { Duration } from "effect"
import type * as Ids from "../model/Ids.js"
import { maxLeaseDuration } from "../ports/Leases.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface WorkerOptions {
  /** What sort of worker this is; runs may ask for a kind. `runlease` when absent. */
  readonly implementationKind?: string | undefined
  /** This worker's name among its kind, kept over restarts; a random one when absent. */
  readonly workerKey?: string | undefined
  readonly displayName?: string | undefined
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
  /** How many runs it works on at once, 1 or more; 10 when absent. */
  readonly concurrency?: number | undefined
  /** Which agents' runs it claims; any when absent. The registration has them as `agent_ids` in its metadata. */
  readonly agentIds?: ReadonlyArray<string> | undefined
  /** 5 to 300 seconds; 60 seconds when absent. The time a crashed worker's runs are idle at most. */
  readonly leaseDuration?: Duration.DurationInput | undefined
  /**
   * How long a claim waits in the control plane for a run, 0 to 30 seconds; 20 seconds, but at most half of the lease,
   * when absent. A worker that stalls is then no longer waited for when its leases lapse, so that its runs go to others.
   */
  readonly claimWait?: Duration.DurationInput | undefined
  /** How long to wait between claims where the control plane does not, give or take a fifth; 1 second when absent. */
  readonly pollInterval?: Duration.DurationInput | undefined
  /** 30 seconds when absent. */
  readonly heartbeatInterval?: Duration.DurationInput | undefined
  /** The least time between two appends of a run; 10 milliseconds when absent. */
  readonly appendLinger?: Duration.DurationInput | undefined
  /** How long runs may go on when the worker shuts down; 10 seconds when absent. */
  readonly drainTimeout?: Duration.DurationInput | undefined
  /** How long an interrupted executor's finalizers are waited for; 5 seconds when absent. */
  readonly interruptGrace?: Duration.DurationInput | undefined
  /** How long after a retryable failure of attempt `n` the run is runnable again, where the error does not say. */
  readonly retryDelay?: ((attempt: number) => Duration.DurationInput) | undefined
}

/** One second, doubled with each attempt, at most five minutes. */
const exponentialDelay = (attempt: number): Duration.Duration =>
  Duration.min(Duration.seconds(2 ** Math.max(0, attempt - 1)), Duration.minutes(5))

/** The options with every default filled in. */
export const resolve = (options: WorkerOptions) => {
  const leaseDuration = Duration.clamp(options.leaseDuration ?? "60 seconds", {
    minimum: "5 seconds",
    maximum: maxLeaseDuration,
  })
  return {
    implementationKind: options.implementationKind ?? "runlease",
    concurrency: Math.max(1, Math.floor(options.concurrency ?? 10)),
    agentIds: (options.agentIds ?? []) as ReadonlyArray<Ids.AgentId>,
    leaseDuration,
    claimWait: Duration.clamp(
      options.claimWait ?? Duration.min("20 seconds", Duration.times(leaseDuration, 0.5)),
      {
        minimum: Duration.zero,
        maximum: "30 seconds",
      },
    ),
    pollInterval: Duration.decode(options.pollInterval ?? "1 second"),
    heartbeatInterval: Duration.decode(options.heartbeatInterval ?? "30 seconds"),
    appendLinger: Duration.decode(options.appendLinger ?? "10 millis"),
    drainTimeout: Duration.decode(options.drainTimeout ?? "10 seconds"),
    interruptGrace: Duration.decode(options.interruptGrace ?? "5 seconds"),
    retryDelay: options.retryDelay ?? exponentialDelay,
  }
}

/** Options with nothing left to decide. */
export type Resolved = ReturnType<typeof resolve>
