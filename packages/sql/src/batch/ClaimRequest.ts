/**
 * The claims of a commit, and the runs that are found for them.
 *
 * @since 0.1.0
 */
import type { Ids } from "@runlease/core"
import type { Candidate } from "../dialect/Dialect.js"

export interface Request {
  readonly projectId: Ids.ProjectId
  readonly workerId: Ids.WorkerId
  readonly claimId: Ids.ClaimId | null
  readonly kind: string
  readonly key: string
  /** Empty for any. */
  readonly agentIds: ReadonlyArray<Ids.AgentId>
  readonly limit: number
  /** In milliseconds. */
  readonly lease: number
}

/** What the search of a commit finds for its claims. */
export interface Found {
  /** The keys of runs whose lease has lapsed, whose wait has expired or whose delay is over. */
  readonly due: ReadonlyArray<number>
  /** For each request, the runs that its probes find, best first: as many as all requests of a probe could take. */
  readonly runnable: ReadonlyMap<Request, ReadonlyArray<ReadonlyArray<Candidate>>>
  /** For each request that repeats a claim, the runs of that claim. */
  readonly given: ReadonlyMap<Request, ReadonlyArray<Candidate>>
}

/** Best first. */
export const order = (a: Candidate, b: Candidate): number => b.priority - a.priority || a.run_pk - b.run_pk
