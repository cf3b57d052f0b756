/** The settings of a worker. The defaults suit agent runs of some minutes. */
import { Duration } from "effect"
import type * as Ids from "../model/Ids.js"
import { maxClaim } from "../ports/Claims.js"
import { maxLeaseDuration } from "../ports/Leases.js"

/** The settings of a worker; all are optional. */
export interface WorkerOptions {
  /** The kind of worker, which a run may name as its target. `runlease` when absent. */
  readonly implementationKind?: string | undefined
  /** The name of this worker among its kind, the same after a restart. A random name when absent. */
  readonly workerKey?: string | undefined
  readonly displayName?: string | undefined
  /**
   * The version of the code that works on runs, up to 128 characters. A pinned run stays with the version of its first claim. The variable
   * RUNLEASE_VERSION when absent, else none.
   */
  readonly version?: string | undefined
  /** The version of the worker's program, for people: that of its code when absent. */
  readonly program?: string | undefined
  /** Goes to the registry with `runlease`, which is the worker's own (`WorkerMetadata`). */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
  /** How many runs are executed at once, 1 or more. 10 when absent. */
  readonly concurrency?: number | undefined
  /**
   * How many runs may wait for a slot at the worker, so that quick runs do not wait for a claim each. As many wait as can end while
   * a claim is under way, for a second at most, and none where runs take seconds. 0 to 500; three times `concurrency` when absent, and 0
   * claims for free slots alone.
   */
  readonly claimAhead?: number | undefined
  /**
   * The agents whose runs are claimed. When absent: the typed agents whose layers the worker has (see `Agent`), or any agent where its
   * executor is for all. The registration has them in `metadata.agent_ids`.
   */
  readonly agentIds?: ReadonlyArray<string> | undefined
  /**
   * A JSON Schema of the payload of an agent, by the agent's id, in addition to those of typed agents: a page makes a form of it, and a server
   * refuses a payload that does not fit. Heartbeats have all of them, so keep them small.
   */
  readonly forms?: Readonly<Record<string, object>> | undefined
  /**
   * 5 to 300 seconds; 60 seconds when absent. The runs of a crashed worker are idle for no longer than this. An executor that
   * blocks the event loop for as long loses its run, unless the `RenewalRounds` of the context are on a thread.
   */
  readonly leaseDuration?: Duration.DurationInput | undefined
  /**
   * How long a claim waits in the control plane for a run, 0 to 30 seconds. 20 seconds when absent, but at most half of
   * the lease: the claim of a stalled worker then ends before its leases lapse, so its runs go to other workers.
   */
  readonly claimWait?: Duration.DurationInput | undefined
  /** The pause between claims when the control plane does not wait, varied by a fifth. 1 second when absent. */
  readonly pollInterval?: Duration.DurationInput | undefined
  /** The pause between two heartbeats. 10 seconds when absent. A worker is shown as silent after one and a half of them. */
  readonly heartbeatInterval?: Duration.DurationInput | undefined
  /** The least time between two appends of a run. 10 milliseconds when absent. */
  readonly appendLinger?: Duration.DurationInput | undefined
  /** How long runs may go on when the worker shuts down. 10 seconds when absent. */
  readonly drainTimeout?: Duration.DurationInput | undefined
  /** How long the worker waits for an interrupted executor to end. 5 seconds when absent. */
  readonly interruptGrace?: Duration.DurationInput | undefined
  /**
   * How long after a retryable failure of attempt `n` the run is runnable again, unless the error has a `retryAfter`. One
   * second doubled with each attempt, at most five minutes, when absent.
   */
  readonly retryDelay?: ((attempt: number) => Duration.DurationInput) | undefined
}

/** One second, doubled with each attempt, at most five minutes. */
const exponentialDelay = (attempt: number): Duration.Duration =>
  Duration.min(Duration.seconds(2 ** Math.max(0, attempt - 1)), Duration.minutes(5))

/** Fills in the defaults and bounds the durations. */
export const resolve = (options: WorkerOptions) => {
  const leaseDuration = Duration.clamp(options.leaseDuration ?? "60 seconds", {
    minimum: "5 seconds",
    maximum: maxLeaseDuration,
  })
  const concurrency = Math.max(1, Math.floor(options.concurrency ?? 10))
  return {
    implementationKind: options.implementationKind ?? "runlease",
    concurrency,
    claimAhead: Math.min(maxClaim, Math.max(0, Math.floor(options.claimAhead ?? 3 * concurrency))),
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
    heartbeatInterval: Duration.decode(options.heartbeatInterval ?? "10 seconds"),
    appendLinger: Duration.decode(options.appendLinger ?? "10 millis"),
    drainTimeout: Duration.decode(options.drainTimeout ?? "10 seconds"),
    interruptGrace: Duration.decode(options.interruptGrace ?? "5 seconds"),
    retryDelay: options.retryDelay ?? exponentialDelay,
  }
}

/** Options with all defaults filled in. */
export type Resolved = ReturnType<typeof resolve>
