/**
 * The leases that a worker has lost, as it saw them. The registry gets them with each heartbeat, so a loss costs no request of its own.
 *
 * Source: docs/decisions/0077-lease-doctor.md
 *
 * @since 0.1.0
 */
import { type Clock, Option } from "effect"
import type { LeaseLoss } from "../ports/WorkerMetadata.js"
import type { RenewalFailures } from "./LeaseRenewal.js"
import type { WorkerEvent } from "./WorkerEvent.js"

/** The most losses that the worker remembers; the oldest gives way. */
const most = 10

/**
 * @since 0.1.0
 * @category models
 */
export interface LostLeases {
  /** Keeps the loss that an event tells of, with the renewals that had failed by then. */
  readonly observe: (event: WorkerEvent, failures: RenewalFailures | undefined) => void

  /** The newest losses, the oldest of them first. */
  readonly all: () => ReadonlyArray<LeaseLoss>
}

/** The longest text of a failure. */
const maxText = 200

const lossOf = (
  event: WorkerEvent,
  failures: RenewalFailures | undefined,
  at: number,
): Option.Option<LeaseLoss> => {
  if (event._tag !== "LeaseEnded" || event.run.leaseEpoch === null) return Option.none()
  const { reason, run } = event
  if (reason !== "Lost" && reason !== "Expired") return Option.none()
  return Option.some({
    run_id: run.runId,
    lease_epoch: event.run.leaseEpoch,
    reason: reason === "Lost" ? "refused" : "expired",
    at,
    failed_renewals: failures?.count ?? 0,
    failure: failures?.message.slice(0, maxText) ?? null,
  })
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (clock: Clock.Clock): LostLeases => {
  let losses: ReadonlyArray<LeaseLoss> = []
  return {
    observe: (event, failures) => {
      const loss = lossOf(event, failures, clock.unsafeCurrentTimeMillis())
      if (Option.isSome(loss)) losses = [...losses, loss.value].slice(-most)
    },
    all: () => losses,
  }
}
