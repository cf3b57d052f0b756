/** The events of a worker. */
import type { Duration } from "effect"
import { Data } from "effect"
import type { Loss } from "./Lease.js"
import type { Pause, Suspension } from "../ports/Leases.js"
import type { ClaimedRun, RunError } from "../model/Run.js"
import type { RegisteredWorker } from "../ports/WorkerRegistry.js"

/**
 * `Ended`: the run has its outcome; `recorded` is false when another outcome came first. `Retrying`: the run was handed
 * back after a retryable failure. `Paused`: the run sleeps or waits for its children, without a worker. `Released`: the run was handed back unfinished and the attempt is not counted; `error`
 * is that of an executor that could not start it, or null in a drain. `LeaseEnded`: the lease ended before the run did,
 * and the worker left the run alone. `DrainRequested`: the operator requests that the worker claims no more, or claims again.
 * `Draining`: the worker shuts down. `Stalled`: the event loop stood still in the code of these runs (`areBlockers`), or while these runs
 * were executing and any of them may have caused it; after `stoppedAfter`, where it is there, leases were no longer renewed.
 */
export type WorkerEvent = Data.TaggedEnum<{
  Registered: { readonly worker: RegisteredWorker }
  Claimed: { readonly run: ClaimedRun }
  Ended: {
    readonly run: ClaimedRun
    readonly status: "completed" | "failed" | "cancelled"
    readonly error: RunError | null
    readonly recorded: boolean
  }
  Retrying: { readonly run: ClaimedRun; readonly error: RunError; readonly delay: Duration.Duration }
  Suspended: { readonly run: ClaimedRun; readonly waiting: Suspension }
  Paused: { readonly run: ClaimedRun; readonly pause: Pause }
  Released: { readonly run: ClaimedRun; readonly error: RunError | null }
  LeaseEnded: { readonly run: ClaimedRun; readonly reason: Loss }
  DrainRequested: { readonly requested: boolean; readonly inFlight: number }
  Draining: { readonly inFlight: number }
  Stalled: {
    readonly runs: ReadonlyArray<ClaimedRun>
    readonly areBlockers: boolean
    readonly duration: Duration.Duration
    readonly stoppedAfter: Duration.Duration | undefined
  }
}>

export const {
  Registered,
  Claimed,
  Ended,
  Retrying,
  Suspended,
  Paused,
  Released,
  DrainRequested,
  Draining,
  Stalled,
  $is,
  $match,
} = Data.taggedEnum<WorkerEvent>()

/** The event of a run whose lease ended before the run did. */
export const leaseEnded = (run: ClaimedRun, reason: Loss): WorkerEvent =>
  Data.taggedEnum<WorkerEvent>().LeaseEnded({ run, reason })
