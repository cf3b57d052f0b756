/**
 * Claims over the state in memory.
 */
import { Duration, Effect, Either } from "effect"
import type { ClaimRequest, Claims } from "../ports/Claims.js"
import type * as Ids from "../model/Ids.js"
import { forExecutor } from "../model/RequestSnapshot.js"
import type { ClaimedRun } from "../model/Run.js"
import { toClaimed } from "../rules/RunState.js"
import { isRunnable } from "../rules/Transition.js"
import * as Transitions from "../rules/Transitions.js"
import * as LongPoll from "../store/LongPoll.js"
import type { Route } from "../store/Wakeups.js"
import { type RegisteredWorker, WorkerNotFound } from "../ports/WorkerRegistry.js"
import { apply, sweep } from "./RunRecords.js"
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
  b.state.spec.priority - a.state.spec.priority || a.order - b.order

/** The runs that a claim gives. `taken`: those of them that it does not owe to the claim that it repeats. */
interface Given {
  readonly runs: ReadonlyArray<ClaimedRun>
  readonly taken: ReadonlyArray<ClaimedRun>
}

export const make = (state: State.State, projectId: Ids.ProjectId): Claims["Type"] => {
  const project = State.projectOf(state, projectId)

  const claimOf = ({ claimId, leaseDuration, workerId }: ClaimRequest): Transitions.Claim => ({
    workerId,
    claimId: claimId ?? null,
    leaseMillis: Duration.toMillis(leaseDuration),
  })

  /** The runs that an earlier claim with the same id gave and that its worker still holds. */
  const claimAgain = (step: State.Step, request: ClaimRequest): ReadonlyArray<State.RunRecord> => {
    if (request.claimId === undefined) return []
    const claim = claimOf(request)
    const given: Array<State.RunRecord> = []
    for (const record of step.state.timed) {
      if (record.state.spec.projectId !== projectId) continue
      const again = Transitions.claimAgain(record.state, claim, step.now)
      if (again === undefined) continue
      apply(step, record, again)
      given.push(record)
    }
    return given.sort(byPreference)
  }

  const claimAnew = (
    step: State.Step,
    request: ClaimRequest,
    accepts: (route: Route) => boolean,
  ): ReadonlyArray<State.RunRecord> => {
    const claim = claimOf(request)
    const runnable: Array<State.RunRecord> = []
    for (const record of project.pending) {
      if (accepts(record.state.spec) && isRunnable(record.state)) runnable.push(record)
    }
    const taken = runnable.sort(byPreference).slice(0, request.limit)
    for (const record of taken) apply(step, record, Transitions.claim(record.state, claim, step.now))
    return taken
  }

  const claimNow = (request: ClaimRequest, accepts: (route: Route) => boolean): Effect.Effect<Given> =>
    State.step(state, (step) => {
      sweep(step)
      const again = claimAgain(step, request)
      const given = again.length > 0 ? again : claimAnew(step, request, accepts)
      const runs = given.map((record) =>
        toClaimed(record.state, record.details, forExecutor(record.resume.snapshot)),
      )
      return Either.right({ runs, taken: again.length > 0 ? [] : runs })
    })

  /** Hands back the runs of a caller that is gone. */
  const handBack = (request: ClaimRequest, taken: ReadonlyArray<ClaimedRun>): Effect.Effect<void> =>
    State.step(state, (step) => {
      for (const { runId, leaseEpoch, leaseExpiresAt } of taken) {
        const record = project.runs.get(runId)
        if (record === undefined || leaseExpiresAt === null) continue
        const abandoned = Transitions.abandonClaim(
          record.state,
          { workerId: request.workerId, epoch: leaseEpoch },
          leaseExpiresAt.epochMillis,
          step.now,
        )
        if (abandoned !== undefined) apply(step, record, abandoned)
      }
      return Either.void
    })

  return {
    claim: Effect.fnUntraced(function* (request) {
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
      }).pipe(Effect.onInterrupt(() => handBack(request, taken)))
    }),
  }
}
