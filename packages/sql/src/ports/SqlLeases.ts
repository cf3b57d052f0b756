/**
 * Leases on SQL.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type Ids, type Leases, Run, type RunLog, type Runs } from "@runlease/core"
import { DateTime, Duration, Effect, Either, Function } from "effect"
import * as Moves from "../batch/Moves.js"
import * as RunAppend from "../batch/RunAppend.js"
import type * as RunBatch from "../batch/RunBatch.js"
import * as RunEnd from "../batch/RunEnd.js"
import type { RunRow } from "../rows/RunRow.js"
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

/** A move that only the holder of a run may make. */
interface HolderMove {
  readonly projectId: Ids.ProjectId
  readonly lease: Run.LeaseRef
  readonly move: (row: RunRow, now: number) => Moves.Move
}

/** Ends a run with its last events. A run whose events are refused does not end. */
const completeOne = (
  store: SqlStore,
  runs: RunBatch.RunBatch,
  { last, lease, outcome, projectId }: Complete,
): Effect.Effect<Either.Either<Leases.Completed, CompleteRefusal>, SqlError> => {
  const { runId, workerId } = lease
  const end = (): Either.Either<Leases.Completed, CompleteRefusal> =>
    Either.map(
      RunEnd.end(store.wakeups, runs, { ref: { projectId, runId }, outcome, fence: lease }),
      (completed) => ({ completed }),
    )
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
    const row = runs.find({ projectId, runId })
    if (row === undefined) return { _tag: "Lost", runId }
    switch (Moves.standing(row, { workerId: request.workerId, epoch }, runs.now)) {
      case "held": {
        const expiresAt = runs.now + Duration.toMillis(request.leaseDuration)
        runs.move(Moves.renew(row, expiresAt))
        return { _tag: "Held", runId, expiresAt: DateTime.unsafeMake(expiresAt) }
      }
      case "ended":
        return { _tag: row.status === "cancelled" ? "Cancelled" : "Lost", runId }
      case "lost":
        return { _tag: "Lost", runId }
    }
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

  const moveOne = (
    { projectId, lease, move }: HolderMove,
    runs: RunBatch.RunBatch,
  ): Either.Either<void, Run.LeaseLost | Run.RunNotFound> => {
    const { runId, workerId } = lease
    const row = runs.find({ projectId, runId })
    if (row === undefined) return Either.left(new Run.RunNotFound({ runId }))
    if (Moves.standing(row, lease, runs.now) !== "held") {
      return Either.left(new Run.LeaseLost({ runId, workerId }))
    }
    runs.move(move(row, runs.now))
    return Either.void
  }

  const moveByHolder = writer.operation<HolderMove, void, void, Run.LeaseLost | Run.RunNotFound>({
    name: "Leases.move",
    refs,
    decide: (requests, runs) => Effect.sync(() => requests.map((request) => moveOne(request, runs))),
    answer: Function.identity,
  })

  return (projectId) => ({
    renew: (request) => renew({ projectId, request }),

    release: (lease, release = {}) => {
      const how = {
        reason: release.reason ?? null,
        delay: Duration.toMillis(release.delay ?? Duration.zero),
        counted: release.countAttempt ?? false,
      }
      return moveByHolder({ projectId, lease, move: (row, now) => Moves.release(row, how, now) })
    },

    complete: (lease, outcome, last) =>
      complete({
        projectId,
        lease,
        outcome,
        last: last && RunAppend.request(projectId, { runId: lease.runId, fence: lease, ...last }),
      }),

    suspend: (lease, suspension) =>
      moveByHolder({ projectId, lease, move: (row, now) => Moves.suspend(row, suspension, now) }),

    signals: (workerId) => wakeups.signals(workerId),
  })
}
