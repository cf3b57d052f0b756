/** The port where a worker gets its work. */
import type { Duration, Effect } from "effect"
import { Context } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type * as Ids from "../model/Ids.js"
import type { ClaimedRun } from "../model/Run.js"
import type { WorkerNotFound } from "./WorkerRegistry.js"

/** The most runs that one claim takes. */
export const maxClaim = 500

/** Units: `leaseDuration` 5 to 300 seconds; `limit` 0 to `maxClaim`; `wait` 0 to 30 seconds, zero when absent. */
export interface ClaimRequest {
  readonly workerId: Ids.WorkerId
  readonly limit: number
  /**
   * How many of `limit` wait at the worker until it has a free slot, 0 when absent. A run of a lane other than its conversation's is not claimed
   * for these, since it would let that lane wait. A claim that takes runs ahead alone does not wait until one is runnable.
   */
  readonly ahead?: number | undefined
  readonly leaseDuration: Duration.DurationInput
  /** How long to hold the request until a run is runnable. */
  readonly wait?: Duration.DurationInput | undefined
  /** Claim only runs of these agents; absent or empty claims those of any. */
  readonly agentIds?: ReadonlyArray<Ids.AgentId> | undefined
  /** Names this claim, so that it can be sent again when its answer is lost. A repeated claim without an id gets other runs. */
  readonly claimId?: Ids.ClaimId | undefined
}

export class Claims extends Context.Tag("@runlease/core/Claims")<
  Claims,
  {
    /**
     * Takes up to `limit` runnable runs under a lease, highest priority first, then oldest.
     *
     * A run is runnable when it is pending, its `availableAt` has come, no earlier run of its lane is
     * unfinished, and it names no other kind or key than the worker's. Each claim grows the run's epoch
     * and attempt by one. A lapsed lease counts as runnable while attempts are left. Returns an empty
     * array when none became runnable within `wait`.
     *
     * A claim that the same worker repeats with the same `claimId` gets the runs that this id got before and whose
     * leases are still owned, with the same epochs and attempts; the leases then last `leaseDuration` from now. Where
     * the id gave nothing, or none of its leases is owned any more, the repeat claims anew. With a `limit` of 0 it does not:
     * so a worker finds out, at once, which runs it got by a claim whose answer it does not wait for.
     *
     * Source: docs/decisions/0022-claim-ids.md
     */
    readonly claim: (
      request: ClaimRequest,
    ) => Effect.Effect<ReadonlyArray<ClaimedRun>, WorkerNotFound | ControlPlaneError>
  }
>() {}
