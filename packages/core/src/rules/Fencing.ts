/**
 * Who may change a run: its holder, named by a fence, or a trusted caller.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0003-fencing-and-the-local-deadline.md
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import { type Fence, isTerminal, LeaseLost, RunEnded } from "../model/Run.js"
import { RunWaiting } from "../ports/RunLog.js"
import type { RunState } from "./RunState.js"
import type { Transition } from "./Transition.js"

/**
 * Whether a fence names the holder of the run. `RunEnded`: it was the holder when the run ended.
 *
 * @since 0.1.0
 * @category fencing
 */
export const checkFence = (
  { finishedAt, holder, leaseEpoch, spec, status }: RunState,
  fence: Fence,
  now: number,
): Either.Either<void, LeaseLost | RunEnded> => {
  if (holder?.workerId === fence.workerId && (fence.epoch === null || fence.epoch === leaseEpoch)) {
    if (isTerminal(status)) {
      // A lease that had lapsed did not hold the run when it ended.
      if ((finishedAt ?? now) < holder.expiresAt) {
        return Either.left(new RunEnded({ runId: spec.runId, status }))
      }
    } else if (status === "running" && now < holder.expiresAt) return Either.void
  }
  return Either.left(new LeaseLost({ runId: spec.runId, workerId: fence.workerId }))
}

/** Whether a fence names the holder of the run; a run that has ended has no holder. */
export const holds = (state: RunState, fence: Fence, now: number): Either.Either<void, LeaseLost> =>
  Either.mapLeft(checkFence(state, fence, now), (error) =>
    error._tag === "LeaseLost" ? error : new LeaseLost({ runId: error.runId, workerId: fence.workerId }),
  )

/** Makes a transition that only the holder may make. */
export const whileOwned = (
  state: RunState,
  fence: Fence,
  now: number,
  make: () => Transition,
): Either.Either<Transition, LeaseLost> => Either.map(holds(state, fence, now), make)

/**
 * Whether the run takes events from this caller; one without a fence is trusted.
 *
 * @since 0.1.0
 * @category fencing
 */
export const admits = (
  state: RunState,
  fence: Fence | undefined,
  now: number,
): Either.Either<void, LeaseLost | RunEnded | RunWaiting> => {
  const { runId } = state.spec
  if (fence !== undefined) {
    const verdict = checkFence(state, fence, now)
    if (Either.isLeft(verdict)) return verdict
  }
  if (isTerminal(state.status)) return Either.left(new RunEnded({ runId, status: state.status }))
  return state.status === "waiting" ? Either.left(new RunWaiting({ runId })) : Either.void
}
