/**
 * Ending a run of the batch, by its holder or by a trusted caller.
 *
 * @since 0.1.0
 */
import { Run, type Runs, Transitions } from "@runlease/core"
import { Either } from "effect"
import type * as RunBatch from "./RunBatch.js"
import type * as RunQueries from "./RunQueries.js"

export interface Request {
  readonly ref: RunQueries.RunRef
  readonly outcome: Runs.Outcome
  /** Absent for a trusted caller that holds no lease. */
  readonly fence: Run.Fence | undefined
}

/** Ends a loaded run; false when it had ended before. */
export const end = (
  runs: RunBatch.RunBatch,
  { fence, outcome, ref }: Request,
): Either.Either<boolean, Run.RunNotFound | Run.LeaseLost> => {
  const run = runs.find(ref)
  if (run === undefined) return Either.left(new Run.RunNotFound({ runId: ref.runId }))
  const ended = Transitions.end(run.state, fence, outcome, runs.now)
  if (Either.isLeft(ended)) {
    return ended.left._tag === "RunEnded" ? Either.right(false) : Either.left(ended.left)
  }
  runs.describe(run, outcome)
  runs.apply(run, ended.right)
  return Either.right(true)
}
