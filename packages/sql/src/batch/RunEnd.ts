/**
 * Ending a run of the batch, by whoever may.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type GroupCommit, Run, type Runs } from "@runlease/core"
import { Either } from "effect"
import * as Moves from "./Moves.js"
import type * as RunBatch from "./RunBatch.js"
import type * as RunQueries from "./RunQueries.js"
import type { SqlStore } from "./SqlStore.js"

export interface Request {
  readonly ref: RunQueries.RunRef
  readonly outcome: Runs.Outcome
  /** Absent for a trusted caller that holds no lease. */
  readonly fence: Run.Fence | undefined
}

/** Ends a loaded run; false when it had ended before. The holder of one that is cancelled is told. */
export const end = (
  { wakeups }: SqlStore,
  runs: RunBatch.RunBatch,
  commit: GroupCommit.Commit<SqlError>,
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
    commit.after(wakeups.signal(row.lease_owner, { _tag: "Cancelled", runId }))
  }
  runs.describe(row, outcome)
  runs.move(Moves.end(row, outcome, runs.now))
  return Either.right(true)
}
