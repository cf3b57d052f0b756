/**
 * What the holder of a lease does to its runs: it renews, ends, hands back or suspends them.
 *
 * @since 0.1.0
 */
import { DateTime, Duration, Effect, Either, Function } from "effect"
import type * as Ids from "../../model/Ids.js"
import { LeaseLost, type LeaseRef, RunNotFound } from "../../model/Run.js"
import type { Completed, InboxNotEmpty, Renewal, RenewRequest } from "../../ports/Leases.js"
import type { CursorMismatch, EventRefused } from "../../ports/RunLog.js"
import type { Outcome } from "../../ports/Runs.js"
import type { RunState } from "../../rules/RunState.js"
import * as ClaimTransitions from "../../rules/ClaimTransitions.js"
import { mayEnd } from "../../rules/InboxTransitions.js"
import { hasTimedOut } from "../../rules/TimeRules.js"
import type { Transition } from "../../rules/Transition.js"
import * as AppendOperation from "./AppendOperation.js"
import * as Deadlocks from "./Deadlocks.js"
import * as EndOperation from "./EndOperation.js"
import { inOrder } from "../rows/InOrder.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"

interface Renew {
  readonly projectId: Ids.ProjectId
  readonly request: RenewRequest
}

const renewOne = <X>(
  { projectId, request }: Renew,
  { epoch, runId }: RenewRequest["leases"][number],
  batch: RunBatch<X>,
): Renewal => {
  const run = batch.find({ projectId, runId })
  if (run === undefined) return { _tag: "Lost", runId }
  const millis = Duration.toMillis(request.leaseDuration)
  const renewed = ClaimTransitions.renew(run.state, { workerId: request.workerId, epoch }, millis, batch.now)
  if (Either.isRight(renewed)) {
    batch.apply(run, renewed.right)
    const { inbox } = run.state.log
    const renewal = { _tag: "Renewed", runId, expiresAt: DateTime.unsafeMake(batch.now + millis) } as const
    return inbox === undefined ? renewal : { ...renewal, inbox }
  }
  const { left } = renewed
  const isStopped = left._tag === "RunEnded" && (left.status === "cancelled" || hasTimedOut(run.state))
  return { _tag: isStopped ? "Cancelled" : "Lost", runId }
}

/**
 * @since 0.1.0
 * @category operations
 */
export const renew = <X>(): RunOperation<
  Renew,
  ReadonlyArray<Renewal>,
  ReadonlyArray<Renewal>,
  never,
  X
> => ({
  name: "Leases.renew",
  refs: ({ projectId, request }) => request.leases.map(({ runId }) => ({ projectId, runId })),
  decide: (requests, batch) =>
    Effect.sync(() =>
      requests.map((renewal) =>
        Either.right(renewal.request.leases.map((lease) => renewOne(renewal, lease, batch))),
      ),
    ),
  answer: Function.identity,
})

interface Complete {
  readonly projectId: Ids.ProjectId
  readonly lease: LeaseRef
  readonly outcome: Outcome
  readonly last: AppendOperation.Request | undefined
  readonly taken: number | undefined
}

type CompleteRefusal = LeaseLost | RunNotFound | CursorMismatch | EventRefused | InboxNotEmpty

const endOne = <X>(
  batch: RunBatch<X>,
  { lease, outcome, projectId, taken }: Complete,
): Either.Either<Completed, CompleteRefusal> =>
  Either.map(
    EndOperation.end(batch, { ref: { projectId, runId: lease.runId }, outcome, fence: lease, taken }),
    (completed) => ({ completed }),
  )

/** Ends a run with its last events. A run whose events are refused does not end. */
const completeOne = <X>(
  batch: RunBatch<X>,
  request: Complete,
): Effect.Effect<Either.Either<Completed, CompleteRefusal>, X> => {
  const { last, lease, projectId, taken } = request
  if (last === undefined) return Effect.succeed(endOne(batch, request))
  const { runId, workerId } = lease
  const run = batch.find({ projectId, runId })
  const checked = run === undefined ? Either.void : mayEnd(run.state, lease, taken, batch.now)
  // Nothing is appended to a run that does not end.
  if (Either.isLeft(checked)) return Effect.succeed(Either.left(checked.left))
  return Effect.map(AppendOperation.append(batch, last), (appended) => {
    if (Either.isRight(appended) || appended.left._tag === "RunEnded") return endOne(batch, request)
    return Either.left(
      appended.left._tag === "RunWaiting" ? new LeaseLost({ runId, workerId }) : appended.left,
    )
  })
}

const refs = ({ lease: { runId }, projectId }: Pick<Complete, "projectId" | "lease">) => [
  { projectId, runId },
]

/**
 * @since 0.1.0
 * @category operations
 */
export const complete = <X>(): RunOperation<Complete, Completed, Completed, CompleteRefusal, X> => ({
  name: "Leases.complete",
  refs,
  decide: (requests, batch) =>
    Effect.zipRight(
      EndOperation.loadAbove(batch, requests.flatMap(refs)),
      requests.every(({ last }) => last === undefined)
        ? batch.inTurn(requests, (request) => endOne(batch, request))
        : inOrder(requests, (request) => Effect.flatMap(batch.settle, () => completeOne(batch, request))),
    ),
  answer: Function.identity,
})

/** A transition that only the holder of a run may make. */
interface OfHolder<E> {
  readonly projectId: Ids.ProjectId
  readonly lease: LeaseRef
  readonly make: (state: RunState, now: number) => Either.Either<Transition, E>
}

const makeOne = <X, E>(
  { lease: { runId }, make, projectId }: OfHolder<E>,
  batch: RunBatch<X>,
): Either.Either<void, E | RunNotFound> => {
  const run = batch.find({ projectId, runId })
  if (run === undefined) return Either.left(new RunNotFound({ runId }))
  return Either.map(make(run.state, batch.now), (made) => void batch.apply(run, made))
}

/**
 * @since 0.1.0
 * @category operations
 */
export const ofHolder = <X, E>(name: string): RunOperation<OfHolder<E>, void, void, E | RunNotFound, X> => ({
  name,
  refs,
  decide: (requests, batch) =>
    Effect.tap(
      batch.inTurn(requests, (request) => makeOne(request, batch)),
      () => Deadlocks.resolve(batch, requests.flatMap(refs)),
    ),
  answer: Function.identity,
})
