/**
 * Leases over the state in memory.
 */
import { DateTime, Duration, Effect, Either } from "effect"
import * as ResumeRules from "../rules/ResumeRules.js"
import type * as Ids from "../model/Ids.js"
import type { Leases, Renewal, RenewRequest } from "../ports/Leases.js"
import { type LeaseLost, type LeaseRecord, type LeaseRef, RunNotFound } from "../model/Run.js"
import { findRun, leaseLost } from "./Lookup.js"
import * as Moves from "./Moves.js"
import { appendTo } from "./RunLog.js"
import * as State from "./State.js"

export const make = (state: State.State, projectId: Ids.ProjectId): Leases["Type"] => {
  const project = State.projectOf(state, projectId)

  const renewOne = (
    step: State.Step,
    request: RenewRequest,
    { runId, epoch }: RenewRequest["leases"][number],
  ): Renewal => {
    const record = project.runs.get(runId)
    if (record === undefined) return { _tag: "Lost", runId }
    const standing = Moves.standing(step, record, { workerId: request.workerId, epoch })
    switch (standing._tag) {
      case "Held": {
        const expiresAt = DateTime.unsafeMake(step.now + Duration.toMillis(request.leaseDuration))
        Moves.update(step, record, { lease: { ...standing.lease, expiresAt } })
        return { _tag: "Held", runId, expiresAt }
      }
      case "Ended":
        return { _tag: standing.status === "cancelled" ? "Cancelled" : "Lost", runId }
      case "Lost":
        return { _tag: "Lost", runId }
    }
  }

  /** A step on a run that the caller must hold. */
  const holding = (
    lease: LeaseRef,
    change: (step: State.Step, record: State.RunRecord, held: LeaseRecord) => void,
  ): Effect.Effect<void, LeaseLost | RunNotFound> =>
    State.step(state, (step) =>
      Either.flatMap(findRun(project, lease.runId), (record): Either.Either<void, LeaseLost> => {
        const standing = Moves.standing(step, record, lease)
        return standing._tag === "Held"
          ? Either.right(change(step, record, standing.lease))
          : leaseLost(lease.runId, lease)
      }),
    )

  return {
    renew: Effect.fn("Leases.renew")((request) =>
      State.step(state, (step) =>
        Either.right(request.leases.map((lease) => renewOne(step, request, lease))),
      ),
    ),
    release: Effect.fn("Leases.release")((lease, release = {}) =>
      holding(lease, (step, record, held) => {
        const counted = release.countAttempt ?? false
        Moves.endAttempt(step, record, held, {
          ended: counted ? "retry" : "released",
          reason: release.reason ?? null,
          counted,
          delayMillis: Duration.toMillis(release.delay ?? Duration.zero),
        })
      }),
    ),
    complete: Effect.fn("Leases.complete")((lease, outcome, last) =>
      State.step(state, (step) =>
        Either.gen(function* () {
          const { runId } = lease
          const record = yield* findRun(project, runId)
          const standing = Moves.standing(step, record, lease)
          if (standing._tag === "Lost") return yield* leaseLost(runId, lease)
          if (standing._tag === "Ended") return { completed: false }
          if (last !== undefined) yield* appendTo(step, record, { runId, ...last })
          Moves.end(step, record, outcome)
          return { completed: true }
        }),
      ),
    ),
    suspend: Effect.fn("Leases.suspend")((lease, suspension) =>
      holding(lease, (step, record) => Moves.suspend(step, record, ResumeRules.asked(suspension, step.at))),
    ),
    signals: (workerId) => state.wakeups.signals(workerId),
  }
}
