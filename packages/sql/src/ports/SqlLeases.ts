/**
 * Leases on SQL.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import {
  type Ids,
  type Leases,
  Run,
  type RunLog,
  type Runs,
  type RunState,
  type Transition,
  Transitions,
  WaitTransitions,
} from "@runlease/core"
import { DateTime, Duration, Effect, Either, Function } from "effect"
import * as RunAppend from "../batch/RunAppend.js"
import type * as RunBatch from "../batch/RunBatch.js"
import * as RunEnd from "../batch/RunEnd.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface Renew {
  readonly projectId: Ids.ProjectId
  readonly request: Leases.RenewRequest
}

interface Complete {
  readonly projectId: Ids.ProjectId
  readonly lease: Run.LeaseRef
  readonly outcome: Runs.Outcome
  readonly last: RunAppend.Request | undefined
}

type CompleteRefusal = Run.LeaseLost | Run.RunNotFound | RunLog.CursorMismatch | RunLog.EventRefused

/** A transition that only the holder of a run may make. */
interface OfHolder {
  readonly projectId: Ids.ProjectId
  readonly lease: Run.LeaseRef
  readonly make: (
    state: RunState.RunState,
    now: number,
  ) => Either.Either<Transition.Transition, Run.LeaseLost>
}

/** Ends a run with its last events. A run whose events are refused does not end. */
const completeOne = (
  store: SqlStore,
  runs: RunBatch.RunBatch,
  { last, lease, outcome, projectId }: Complete,
): Effect.Effect<Either.Either<Leases.Completed, CompleteRefusal>, SqlError> => {
  const { runId, workerId } = lease
  const end = (): Either.Either<Leases.Completed, CompleteRefusal> =>
    Either.map(RunEnd.end(runs, { ref: { projectId, runId }, outcome, fence: lease }), (completed) => ({
      completed,
    }))
  if (last === undefined) return Effect.succeed(end())
  return Effect.map(RunAppend.append(store, runs, last), (appended) => {
    if (Either.isRight(appended) || appended.left._tag === "RunEnded") return end()
    return Either.left(
      appended.left._tag === "RunWaiting" ? new Run.LeaseLost({ runId, workerId }) : appended.left,
    )
  })
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore): ((projectId: Ids.ProjectId) => Leases.Leases["Type"]) => {
  const { writer, wakeups } = store

  const renewOne = (
    { projectId, request }: Renew,
    { runId, epoch }: Leases.RenewRequest["leases"][number],
    runs: RunBatch.RunBatch,
  ): Leases.Renewal => {
    const run = runs.find({ projectId, runId })
    if (run === undefined) return { _tag: "Lost", runId }
    const millis = Duration.toMillis(request.leaseDuration)
    const renewed = Transitions.renew(run.state, { workerId: request.workerId, epoch }, millis, runs.now)
    if (Either.isRight(renewed)) {
      runs.apply(run, renewed.right)
      return { _tag: "Held", runId, expiresAt: DateTime.unsafeMake(runs.now + millis) }
    }
    const { left } = renewed
    return { _tag: left._tag === "RunEnded" && left.status === "cancelled" ? "Cancelled" : "Lost", runId }
  }

  const renew = writer.operation<Renew, ReadonlyArray<Leases.Renewal>, ReadonlyArray<Leases.Renewal>>({
    name: "Leases.renew",
    refs: ({ projectId, request }) => request.leases.map(({ runId }) => ({ projectId, runId })),
    decide: (requests, runs) =>
      Effect.sync(() =>
        requests.map((renewal) =>
          Either.right(renewal.request.leases.map((lease) => renewOne(renewal, lease, runs))),
        ),
      ),
    answer: Function.identity,
  })

  const refs = ({ lease: { runId }, projectId }: Pick<Complete, "projectId" | "lease">) => [
    { projectId, runId },
  ]

  const complete = writer.operation<Complete, Leases.Completed, Leases.Completed, CompleteRefusal>({
    name: "Leases.complete",
    refs,
    decide: (requests, runs) => Effect.forEach(requests, (request) => completeOne(store, runs, request)),
    answer: Function.identity,
  })

  const makeOne = (
    { projectId, lease: { runId }, make }: OfHolder,
    runs: RunBatch.RunBatch,
  ): Either.Either<void, Run.LeaseLost | Run.RunNotFound> => {
    const run = runs.find({ projectId, runId })
    if (run === undefined) return Either.left(new Run.RunNotFound({ runId }))
    return Either.map(make(run.state, runs.now), (made) => void runs.apply(run, made))
  }

  const ofHolder = writer.operation<OfHolder, void, void, Run.LeaseLost | Run.RunNotFound>({
    name: "Leases.ofHolder",
    refs,
    decide: (requests, runs) => Effect.sync(() => requests.map((request) => makeOne(request, runs))),
    answer: Function.identity,
  })

  return (projectId) => ({
    renew: (request) => renew({ projectId, request }),

    release: (lease, release = {}) =>
      ofHolder({ projectId, lease, make: (state, now) => Transitions.release(state, lease, release, now) }),

    complete: (lease, outcome, last) =>
      complete({
        projectId,
        lease,
        outcome,
        last: last && RunAppend.request(projectId, { runId: lease.runId, fence: lease, ...last }),
      }),

    suspend: (lease, suspension) =>
      ofHolder({
        projectId,
        lease,
        make: (state, now) => WaitTransitions.suspend(state, lease, suspension, now),
      }),

    signals: (workerId) => wakeups.signals(workerId),
  })
}
