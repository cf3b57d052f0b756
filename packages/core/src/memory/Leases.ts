/**
 * Leases over the state in memory.
 */
import { DateTime, Duration, Effect, Either } from "effect"
import type * as Ids from "../model/Ids.js"
import type { Leases, Renewal, RenewRequest } from "../ports/Leases.js"
import type { LeaseLost, LeaseRef, RunNotFound } from "../model/Run.js"
import { admits } from "../rules/Fencing.js"
import type { RunState } from "../rules/RunState.js"
import type { Transition } from "../rules/Transition.js"
import * as Transitions from "../rules/Transitions.js"
import { suspend } from "../rules/WaitTransitions.js"
import { findRun, leaseLost } from "./Lookup.js"
import { appendTo } from "./RunLog.js"
import { apply, applyEnd } from "./RunRecords.js"
import * as State from "./State.js"

export const make = (state: State.State, projectId: Ids.ProjectId): Leases["Type"] => {
  const project = State.projectOf(state, projectId)

  const renewOne = (
    step: State.Step,
    { leaseDuration, workerId }: RenewRequest,
    { runId, epoch }: RenewRequest["leases"][number],
  ): Renewal => {
    const record = project.runs.get(runId)
    if (record === undefined) return { _tag: "Lost", runId }
    const millis = Duration.toMillis(leaseDuration)
    return Either.match(Transitions.renew(record.state, { workerId, epoch }, millis, step.now), {
      onLeft: (refusal): Renewal => ({
        _tag: refusal._tag === "RunEnded" && refusal.status === "cancelled" ? "Cancelled" : "Lost",
        runId,
      }),
      onRight: (renewed): Renewal => {
        apply(step, record, renewed)
        return { _tag: "Held", runId, expiresAt: DateTime.unsafeMake(step.now + millis) }
      },
    })
  }

  /** A transition that only the holder may make. */
  const ofHolder = (
    { runId }: LeaseRef,
    make: (state: RunState, now: number) => Either.Either<Transition, LeaseLost>,
  ): Effect.Effect<void, LeaseLost | RunNotFound> =>
    State.step(state, (step) =>
      Either.flatMap(findRun(project, runId), (record) =>
        Either.map(make(record.state, step.now), (made) => apply(step, record, made)),
      ),
    )

  return {
    renew: (request) =>
      State.step(state, (step) =>
        Either.right(request.leases.map((lease) => renewOne(step, request, lease))),
      ),
    release: (lease, release = {}) =>
      ofHolder(lease, (run, now) => Transitions.release(run, lease, release, now)),
    complete: (lease, outcome, last) =>
      State.step(state, (step) =>
        Either.gen(function* () {
          const { runId } = lease
          const record = yield* findRun(project, runId)
          const admitted = admits(record.state, lease, step.now)
          if (Either.isLeft(admitted)) {
            if (admitted.left._tag === "RunEnded") return { completed: false }
            return yield* leaseLost(runId, lease)
          }
          if (last !== undefined) yield* appendTo(step, record, { runId, ...last })
          const ended = Transitions.end(record.state, lease, outcome, step.now)
          if (Either.isRight(ended)) applyEnd(step, record, outcome, ended.right)
          return { completed: Either.isRight(ended) }
        }),
      ),
    suspend: (lease, suspension) => ofHolder(lease, (run, now) => suspend(run, lease, suspension, now)),
    signals: (workerId) => state.wakeups.signals(workerId),
  }
}
