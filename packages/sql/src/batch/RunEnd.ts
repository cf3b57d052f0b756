/**
 * Ending a run of the batch, by its holder or by a trusted caller.
 *
 * @since 0.1.0
 */
import { Run, type Runs, type Wakeups } from "@runlease/core"
import { Either } from "effect"
import * as Moves from "./Moves.js"
import type * as RunBatch from "./RunBatch.js"
import type * as RunQueries from "./RunQueries.js"

export interface Request {
  readonly ref: RunQueries.RunRef
  readonly outcome: Runs.Outcome
  /** Absent for a trusted caller that holds no lease. */
  readonly fence: Run.Fence | undefined
}

/** Ends a run of the batch; false when it had ended before. The holder of a cancelled run is signalled. */
export const end = (
  wakeups: Wakeups.Wakeups,
  runs: RunBatch.RunBatch,
  { fence, outcome, ref }: Request,
): Either.Either<boolean, Run.RunNotFound | Run.LeaseLost> => {
  const { runId } = ref
  const row = runs.find(ref)
  if (row === undefined) return Either.left(new Run.RunNotFound({ runId }))
  if (fence !== undefined && Moves.standing(row, fence, runs.now) === "lost") {
    return Either.left(new Run.LeaseLost({ runId, workerId: fence.workerId }))
  }
  if (Run.isTerminal(row.status)) return Either.right(false)
  if (
    outcome.status === "cancelled" &&
    fence === undefined &&
    row.status === "running" &&
    row.lease_owner !== null
  ) {
    runs.afterwards(wakeups.signal(row.lease_owner, { _tag: "Cancelled", runId }))
  }
  runs.describe(row, outcome)
  runs.move(Moves.end(row, outcome, runs.now))
  return Either.right(true)
}
