/**
 * Ending a run of a commit, by its holder or by a trusted caller.
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import { type Fence, type LeaseLost, type Run, RunNotFound } from "../../model/Run.js"
import type { InboxNotEmpty } from "../../ports/Leases.js"
import type { Outcome } from "../../ports/Runs.js"
import { mayEnd } from "../../rules/InboxTransitions.js"
import { type RunDetails, toRun } from "../../rules/RunState.js"
import * as RunTransitions from "../../rules/RunTransitions.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import type { DetailChanges, RunKey, RunRef, StoredRun } from "../rows/RunRows.js"

export interface Request {
  readonly ref: RunRef
  readonly outcome: Outcome
  /** Absent for a trusted caller that holds no lease. */
  readonly fence: Fence | undefined
  /** How many messages a run has taken that takes some. */
  readonly taken?: number | undefined
}

type Refusal = RunNotFound | LeaseLost | InboxNotEmpty

const detailsOf = ({ metadata, result }: Outcome): DetailChanges | undefined =>
  metadata === undefined && result === undefined
    ? undefined
    : { ...(metadata === undefined ? {} : { metadata }), ...(result === undefined ? {} : { result }) }

/** Ends a run of the batch; false when it had ended before. */
export const end = <X>(
  batch: RunBatch<X>,
  { fence, outcome, ref, taken }: Request,
): Either.Either<boolean, Refusal> => {
  const run = batch.find(ref)
  if (run === undefined) return Either.left(new RunNotFound({ runId: ref.runId }))
  const checked = mayEnd(run.state, fence, taken, batch.now)
  if (Either.isLeft(checked)) return Either.left(checked.left)
  const ended = RunTransitions.end(run.state, fence, outcome, batch.now)
  if (Either.isLeft(ended)) {
    return ended.left._tag === "RunEnded" ? Either.right(false) : Either.left(ended.left)
  }
  batch.apply(run, ended.right, detailsOf(outcome))
  return Either.right(true)
}

/** Reads the runs that the ends of these change too, all at once: the parents, and the roots whose budgets are charged. */
export const loadAbove = <X>(batch: RunBatch<X>, refs: ReadonlyArray<RunRef>): Effect.Effect<void, X> =>
  Effect.suspend(() =>
    batch.load(
      refs.flatMap((ref) => {
        const child = batch.find(ref)?.state.spec.child
        if (child == null) return []
        const { budget, parent } = child
        return [...new Set([parent, ...(budget === undefined ? [] : [budget])])].map((runId) => ({
          projectId: ref.projectId,
          runId,
        }))
      }),
    ),
  )

/** Whether an operation has changed a run, and the run after it. */
export interface Decision {
  readonly changed: boolean
  readonly run: StoredRun
  readonly details: ReadonlyMap<RunKey, RunDetails>
}

/** The same for the caller. */
export interface Answer {
  readonly changed: boolean
  readonly run: Run
}

export const answer = ({ changed, details, run }: Decision): Answer => ({
  changed,
  run: toRun(run.state, details.get(run.key)!),
})

/** The details of those of these runs that exist, as they are once the commit has written. */
export const lateDetails = <X>(
  batch: RunBatch<X>,
  requests: ReadonlyArray<{ readonly ref: RunRef }>,
): ReadonlyMap<RunKey, RunDetails> => batch.lateDetails(requests.flatMap(({ ref }) => batch.find(ref) ?? []))

/**
 * Ends every run that has not ended, and gives the runs.
 *
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<Request, Decision, Answer, Refusal, X> => ({
  name: "Runs.end",
  refs: ({ ref }) => [ref],
  decide: (requests, batch) =>
    Effect.suspend(() => {
      const details = lateDetails(batch, requests)
      const ended = batch.inTurn(requests, (request) =>
        Either.map(end(batch, request), (changed): Decision => ({
          changed,
          run: batch.find(request.ref)!,
          details,
        })),
      )
      return Effect.zipRight(
        loadAbove(
          batch,
          requests.map(({ ref }) => ref),
        ),
        ended,
      )
    }),
  answer,
})
