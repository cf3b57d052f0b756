/**
 * What submissions are answered, once their commit has succeeded.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import type { Run } from "../../model/Run.js"
import type { Submitted } from "../../ports/Runs.js"
import { type RunState, toRun } from "../../rules/RunState.js"
import type { AddedRun } from "../commit/HandOver.js"
import type { RunBatch } from "../commit/RunBatch.js"
import { logKey } from "../commit/Wakeups.js"
import type { RunRef } from "../rows/RunRows.js"

/** How a submission was accepted. */
export type How = Pick<Submitted, "duplicate" | "steered" | "debounced">

/** It is a run of its own. */
export const asRun: How = { duplicate: false, steered: false, debounced: false }

/** `state` is that of the decision. `answered` is the run as the commit has written it, with all that belongs to its state. */
export interface Decision extends How {
  readonly state: RunState
  readonly answered: () => Run
}

/** The run that an accepted submission became, or the one that got it. */
export interface Accepted extends How {
  readonly ref: RunRef
}

/**
 * The decisions on submissions, with the details of runs that were there before. `made`: the runs that the commit has made, by the names
 * of their logs.
 *
 * @since 0.1.0
 * @category operations
 */
export const decisionsOf = <X, E>(
  batch: RunBatch<X>,
  made: ReadonlyMap<string, AddedRun>,
  verdicts: ReadonlyArray<Either.Either<Accepted, E>>,
): ReadonlyArray<Either.Either<Decision, E>> => {
  const madeOf = ({ debounced, ref, steered }: Accepted) =>
    steered || debounced ? undefined : made.get(logKey(ref))
  const existing = verdicts.flatMap((verdict) =>
    Either.isRight(verdict) && madeOf(verdict.right) === undefined ? [batch.find(verdict.right.ref)!] : [],
  )
  const lateDetails = batch.lateDetails(existing)
  return verdicts.map(
    Either.map((verdict): Decision => {
      const { ref, ...how } = verdict
      const run = madeOf(verdict)
      // A new run is answered as it was submitted, also when a waiting claim has it by now.
      if (run !== undefined) {
        const { state } = run.made
        return { ...how, state, answered: () => toRun(state, run.run.details) }
      }
      const answered = () => {
        const { key, state } = batch.find(ref)!
        return toRun(state, lateDetails.get(key)!)
      }
      return { ...how, state: batch.find(ref)!.state, answered }
    }),
  )
}

/** What a submission is answered. */
export const answerOf = ({ answered, debounced, duplicate, steered }: Decision): Submitted => ({
  duplicate,
  steered,
  debounced,
  run: answered(),
})
