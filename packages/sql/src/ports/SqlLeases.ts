/**
 * Leases on SQL.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type GroupCommit, type Ids, type Leases, Run, type RunLog, type Runs } from "@runlease/core"
import { DateTime, Duration, Effect, Either } from "effect"
import * as Moves from "../batch/Moves.js"
import * as RunAppend from "../batch/RunAppend.js"
import * as RunBatch from "../batch/RunBatch.js"
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

/** A move of a run that only its holder may make. */
interface HolderMove {
  readonly projectId: Ids.ProjectId
  readonly lease: Run.LeaseRef
  readonly move: (row: RunRow, now: number) => Moves.Move
}

/** Ends a run with its last events; when they are refused, it goes on. */
const completeOne = (
  store: SqlStore,
  runs: RunBatch.RunBatch,
  commit: GroupCommit.Commit<SqlError>,
  { last, lease, outcome, projectId }: Complete,
): Effect.Effect<Either.Either<Leases.Completed, CompleteRefusal>, SqlError> => {
  const { runId, workerId } = lease
  const end = (): Either.Either<Leases.Completed, CompleteRefusal> =>
    Either.map(
      RunEnd.end(store, runs, commit, { ref: { projectId, runId }, outcome, fence: lease }),
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

  const renew = writer.operation<Renew, ReadonlyArray<Leases.Renewal>>({
    name: "Leases.renew",
    load: (requests, commit) =>
      RunBatch.load(
        store,
        commit,
        requests.flatMap(({ projectId, request }) =>
          request.leases.map(({ runId }) => ({ projectId, runId })),
        ),
      ),
    run: (requests, commit) =>
      Effect.gen(function* () {
        const runs = yield* RunBatch.ofCommit(store, commit)
        const renewOne = (
          { projectId, request }: Renew,
          { runId, epoch }: Leases.RenewRequest["leases"][number],
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
        return requests.map((renewal) =>
          Either.right(renewal.request.leases.map((lease) => renewOne(renewal, lease))),
        )
      }),
  })

  const loadHeld = (
    requests: ReadonlyArray<Pick<Complete, "projectId" | "lease">>,
    commit: GroupCommit.Commit<SqlError>,
  ) =>
    RunBatch.load(
      store,
      commit,
      requests.map(({ projectId, lease: { runId } }) => ({ projectId, runId })),
    )

  const complete = writer.operation<Complete, Leases.Completed, CompleteRefusal>({
    name: "Leases.complete",
    load: loadHeld,
    run: (requests, commit) =>
      Effect.gen(function* () {
        const runs = yield* RunBatch.ofCommit(store, commit)
        return yield* Effect.forEach(requests, (request) => completeOne(store, runs, commit, request))
      }),
  })

  const moveHeld = writer.operation<HolderMove, void, Run.LeaseLost | Run.RunNotFound>({
    name: "Leases.move",
    load: loadHeld,
    run: (requests, commit) =>
      Effect.gen(function* () {
        const runs = yield* RunBatch.ofCommit(store, commit)
        return requests.map(({ projectId, lease, move }) => {
          const { runId, workerId } = lease
          const row = runs.find({ projectId, runId })
          if (row === undefined) return Either.left(new Run.RunNotFound({ runId }))
          if (Moves.standing(row, lease, runs.now) !== "held") {
            return Either.left(new Run.LeaseLost({ runId, workerId }))
          }
          runs.move(move(row, runs.now))
          return Either.void
        })
      }),
  })

  return (projectId) => ({
    renew: (request) => renew({ projectId, request }),

    release: (lease, release = {}) => {
      const how = {
        reason: release.reason ?? null,
        delay: Duration.toMillis(release.delay ?? Duration.zero),
        counted: release.countAttempt ?? false,
      }
      return moveHeld({ projectId, lease, move: (row, now) => Moves.release(row, how, now) })
    },

    complete: (lease, outcome, last) =>
      complete({
        projectId,
        lease,
        outcome,
        last: last && RunAppend.request(projectId, { runId: lease.runId, fence: lease, ...last }),
      }),

    suspend: (lease, suspension) =>
      moveHeld({ projectId, lease, move: (row, now) => Moves.suspend(row, suspension, now) }),

    signals: (workerId) => wakeups.signals(workerId),
  })
}
