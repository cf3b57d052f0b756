/**
 * The part of the state machine in which claims give runs to workers, and leases are renewed.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0038-one-state-machine.md, docs/decisions/0022-claim-ids.md
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import type * as Ids from "../model/Ids.js"
import type { Fence, LeaseLost, RunEnded } from "../model/Run.js"
import * as ControlEvents from "./ControlEvents.js"
import { checkFence } from "./Fencing.js"
import * as LimitPlaces from "./LimitPlaces.js"
import * as LogState from "./LogState.js"
import type { Holder, RunState } from "./RunState.js"
import { chargeLease } from "./BudgetCharges.js"
import { endAttempt, leaseEpoch, transition, type Transition, undelayed } from "./Transition.js"

/** A claim that takes runs. */
export interface Claim {
  readonly workerId: Ids.WorkerId
  readonly claimId: Ids.ClaimId | null
  readonly leaseMillis: number
}

/**
 * Gives a runnable run to a worker. The log gets a mark of the attempt before, if one ended without an outcome. `project`: the limit of its
 * project, where that has one.
 *
 * @since 0.1.0
 * @category transitions
 */
export const claim = (
  state: RunState,
  { claimId, leaseMillis, workerId }: Claim,
  now: number,
  project?: string,
): Transition => {
  const attempt = state.attempt + 1
  const limits = LimitPlaces.clear(state.limits)
  return transition(
    {
      ...state,
      status: "running",
      limits: project === undefined ? limits : LimitPlaces.add(limits, project),
      rank: 0,
      attempt,
      leaseEpoch: leaseEpoch(state.leaseEpoch + 1),
      holder: {
        workerId,
        expiresAt: now + leaseMillis,
        claimId,
        claimedAt: now,
        renewals: 0,
        renewedAt: now,
        longestGap: 0,
      },
      pastAttempt: null,
      log: LogState.withoutProgress(state.log),
      updatedAt: now,
      startedAt: state.startedAt ?? now,
    },
    ControlEvents.claimed(state.spec, state.log, state.pastAttempt, { attempt, workerId }),
  )
}

const renewed = (holder: Holder, expiresAt: number, now: number): Holder => ({
  ...holder,
  expiresAt,
  renewals: holder.renewals + 1,
  renewedAt: now,
  longestGap: Math.max(holder.longestGap, now - holder.renewedAt),
})

const renewedTo = (state: RunState, expiresAt: number, now: number): Transition =>
  transition(
    { ...state, holder: state.holder && renewed(state.holder, expiresAt, now), updatedAt: now },
    [],
    chargeLease(state, now),
  )

/**
 * Gives the run once more by a claim that its holder repeats; undefined when this claim does not hold it. That counts as a renewal, so
 * the store knows that the run was given twice.
 *
 * Source: docs/decisions/0022-claim-ids.md
 *
 * @since 0.1.0
 * @category transitions
 */
export const claimAgain = (state: RunState, claim: Claim, now: number): Transition | undefined => {
  const { holder, status } = state
  if (status !== "running" || holder === null || claim.claimId === null) return undefined
  if (holder.claimId !== claim.claimId || holder.workerId !== claim.workerId) return undefined
  if (holder.expiresAt <= now) return undefined
  return renewedTo(state, Math.max(now + claim.leaseMillis, holder.expiresAt), now)
}

/**
 * Takes a run back from a claim whose caller is gone; undefined when the claim does not hold it, or when a repeat of the claim
 * has given it since.
 *
 * @since 0.1.0
 * @category transitions
 */
export const abandonClaim = (state: RunState, fence: Fence, now: number): Transition | undefined => {
  if (state.holder?.renewals !== 0 || Either.isLeft(checkFence(state, fence, now))) return undefined
  const reason = "the claim's caller was gone"
  return endAttempt(
    state,
    { ended: "released", reason, counted: false, availableAt: undelayed(state, now) },
    now,
  )
}

/**
 * @since 0.1.0
 * @category transitions
 */
export const renew = (
  state: RunState,
  fence: Fence,
  leaseMillis: number,
  now: number,
): Either.Either<Transition, LeaseLost | RunEnded> =>
  Either.map(checkFence(state, fence, now), () => renewedTo(state, now + leaseMillis, now))
