/**
 * Claims over the state in memory.
 */
import { DateTime, Duration, Effect, Either } from "effect"
import type { ClaimRequest, Claims } from "../ports/Claims.js"
import type * as Ids from "../model/Ids.js"
import { forExecutor } from "../model/RequestSnapshot.js"
import { type ClaimedRun, toClaimed } from "../model/Run.js"
import * as LongPoll from "../store/LongPoll.js"
import type { Route } from "../store/Wakeups.js"
import { type RegisteredWorker, WorkerNotFound } from "../ports/WorkerRegistry.js"
import * as Moves from "./Moves.js"
import * as State from "./State.js"

/** Whether a run with this route may go to this worker under this request. */
const acceptor = (worker: RegisteredWorker, request: ClaimRequest) => {
  const agentIds = new Set<string>(request.agentIds)
  return (route: Route): boolean =>
    route.projectId === worker.projectId &&
    (route.implementationKind === null || route.implementationKind === worker.implementationKind) &&
    (route.workerKey === null || route.workerKey === worker.workerKey) &&
    (agentIds.size === 0 || agentIds.has(route.agentId))
}

const byPreference = (a: State.RunRecord, b: State.RunRecord): number =>
  b.run.priority - a.run.priority || a.order - b.order

/** What a claim gives, and what of it was taken for this very request and not for the one that it repeats. */
interface Given {
  readonly runs: ReadonlyArray<ClaimedRun>
  readonly taken: ReadonlyArray<ClaimedRun>
}

export const make = (state: State.State, projectId: Ids.ProjectId): Claims["Type"] => {
  const project = State.projectOf(state, projectId)

  /** What a claim with the same id gave this worker, as far as it is still held. */
  const repeated = (step: State.Step, request: ClaimRequest): ReadonlyArray<State.RunRecord> => {
    const { claimId, leaseDuration, workerId } = request
    if (claimId === undefined) return []
    const given: Array<State.RunRecord> = []
    for (const record of state.leased) {
      const { lease, projectId: owner } = record.run
      if (record.claimId !== claimId || owner !== projectId || lease?.owner !== workerId) continue
      Moves.takeAgain(step, record, lease, Duration.toMillis(leaseDuration))
      given.push(record)
    }
    return given.sort(byPreference)
  }

  const claimAnew = (
    step: State.Step,
    request: ClaimRequest,
    accepts: (route: Route) => boolean,
  ): ReadonlyArray<State.RunRecord> => {
    const runnable: Array<State.RunRecord> = []
    for (const record of project.pending) {
      if (accepts(record.run) && Moves.isRunnable(step, record)) runnable.push(record)
    }
    const taken = runnable.sort(byPreference).slice(0, request.limit)
    for (const record of taken) {
      Moves.take(step, record, {
        workerId: request.workerId,
        claimId: request.claimId ?? null,
        millis: Duration.toMillis(request.leaseDuration),
      })
    }
    return taken
  }

  const claimNow = (request: ClaimRequest, accepts: (route: Route) => boolean): Effect.Effect<Given> =>
    State.step(state, (step) => {
      Moves.sweep(step)
      const again = repeated(step, request)
      const given = again.length > 0 ? again : claimAnew(step, request, accepts)
      const runs = given.map((record) => toClaimed(record.run, forExecutor(record.kept.snapshot)))
      return Either.right({ runs, taken: again.length > 0 ? [] : runs })
    })

  /** Hands back what was taken for a caller that is gone, unless a repeat of the claim has given it since. */
  const handBack = (taken: ReadonlyArray<ClaimedRun>): Effect.Effect<void> =>
    State.step(state, (step) => {
      for (const { runId, leaseEpoch, leaseExpiresAt } of taken) {
        const record = project.runs.get(runId)
        const lease = record?.run.lease
        if (record === undefined || !lease || lease.epoch !== leaseEpoch) continue
        if (leaseExpiresAt === null || !DateTime.Equivalence(lease.expiresAt, leaseExpiresAt)) continue
        Moves.endAttempt(step, record, lease, {
          ended: "released",
          reason: "The claim was interrupted",
          counted: false,
          delayMillis: 0,
        })
      }
      return Either.void
    })

  return {
    claim: Effect.fn("Claims.claim")(function* (request) {
      const worker = project.workers.get(request.workerId)
      if (worker === undefined) return yield* new WorkerNotFound({ workerId: request.workerId })
      const accepts = acceptor(worker, request)
      let taken: ReadonlyArray<ClaimedRun> = []
      return yield* LongPoll.claimWithin({
        claimNow: claimNow(request, accepts).pipe(
          Effect.map((given) => {
            taken = given.taken
            return given.runs
          }),
          Effect.uninterruptible,
        ),
        wait: request.wait ?? Duration.zero,
        waiter: state.wakeups.runnableWaiter(accepts),
      }).pipe(Effect.onInterrupt(() => handBack(taken)))
    }),
  }
}
