/**
 * A claim as the store works with it, and which run it takes first.
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

/** Best first. */
export const order = (a: Candidate, b: Candidate): number => b.priority - a.priority || a.run_pk - b.run_pk
