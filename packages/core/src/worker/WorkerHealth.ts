/**
 * Whether a worker consumes runs: not only that its process lives, but that the control plane answers its claims and its renewals.
 *
 * A blocked event loop sends no answer at all, so a probe counts a missing answer as not ready.
 *
 * Source: docs/decisions/0079-readiness.md
 */
import { Data, Duration } from "effect"

/**
 * `Ready`: it claims, or all of its slots are in use. `Draining`: it claims no more, since it shuts down or its operator requests it.
 * `ClaimUnanswered`: it has a free slot, and for `duration` no claim was answered, not even with no run. `LeaseUnrenewed`: a lease
 * has less than a third of its length left and is not renewed; `failure` is how the last renewal failed.
 */
export type WorkerHealth = Data.TaggedEnum<{
  Ready: {}
  Draining: {}
  ClaimUnanswered: { readonly duration: Duration.Duration }
  LeaseUnrenewed: { readonly failure: string | undefined }
}>

export const { Ready, Draining, ClaimUnanswered, LeaseUnrenewed, $match } = Data.taggedEnum<WorkerHealth>()

/** How long an answer may be late: a claim that fails is repeated by then, also while a server restarts. */
const patience = Duration.seconds(15)

/** How long a claim may have no answer until its worker is not ready: 15 seconds, and the time that the control plane may hold it. */
export const claimLimit = (claimWait: Duration.Duration): Duration.Duration =>
  Duration.sum(claimWait, patience)
