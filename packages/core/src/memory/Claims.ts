/**
 * Claims over the state in memory.
 */
import { Duration, Effect, Either } from "effect"
import type { ClaimRequest, Claims } from "../Claims.js"
import type * as Ids from "../Ids.js"
import { type ClaimedRun, toClaimed } from "../Run.js"
import * as Waiting from "../Waiting.js"
import type { Route } from "../Wakeups.js"
import { type RegisteredWorker, WorkerNotFound } from "../WorkerRegistry.js"
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

export const make = (state: State.State, projectId: Ids.ProjectId): Claims["Type"] => {
  const project = State.projectOf(state, projectId)

  const claimNow = (
    request: ClaimRequest,
    accepts: (route: Route) => boolean,
  ): Effect.Effect<ReadonlyArray<ClaimedRun>> =>
    State.step(state, (step) => {
      Moves.sweep(step)
      const runnable: Array<State.RunRecord> = []
      for (const record of project.pending) {
        if (accepts(record.run) && Moves.isRunnable(step, record)) runnable.push(record)
      }
      const taken = runnable
        .sort((a, b) => b.run.priority - a.run.priority || a.order - b.order)
        .slice(0, request.limit)
      for (const record of taken) {
        Moves.take(step, record, request.workerId, Duration.toMillis(request.leaseDuration))
      }
      return Either.right(taken.map((record) => toClaimed(record.run, record.kept.snapshot)))
    })

  /** Hands back what was taken for a caller that is gone. */
  const handBack = (taken: ReadonlyArray<ClaimedRun>): Effect.Effect<void> =>
    State.step(state, (step) => {
      for (const { runId, leaseEpoch } of taken) {
        const record = project.runs.get(runId)
        const lease = record?.run.lease
        if (record !== undefined && lease && lease.epoch === leaseEpoch) {
          Moves.endAttempt(step, record, lease, {
            ended: "released",
            reason: "The claim was interrupted",
            counted: false,
            delayMillis: 0,
          })
        }
      }
      return Either.void
    })

  return {
    claim: Effect.fn("Claims.claim")(function* (request) {
      const worker = project.workers.get(request.workerId)
      if (worker === undefined) return yield* new WorkerNotFound({ workerId: request.workerId })
      const accepts = acceptor(worker, request)
      let taken: ReadonlyArray<ClaimedRun> = []
      return yield* Waiting.claimWithin({
        claimNow: claimNow(request, accepts).pipe(
          Effect.tap((claimed) => {
            taken = claimed
          }),
          Effect.uninterruptible,
        ),
        wait: request.wait ?? Duration.zero,
        waiter: state.wakeups.runnableWaiter(accepts),
      }).pipe(Effect.onInterrupt(() => handBack(taken)))
    }),
  }
}
