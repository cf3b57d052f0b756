/**
 * Runs over the state in memory.
 */
import { Effect, Either } from "effect"
import * as ResumeRules from "../rules/ResumeRules.js"
import * as FollowUpRules from "../rules/FollowUpRules.js"
import * as Ids from "../model/Ids.js"
import { isTerminal, type LeaseLost, type LeaseRef, RunEnded, type RunNotFound } from "../model/Run.js"
import { type Runs, submitChecked } from "../ports/Runs.js"
import type { SessionRecord, WorkerSession } from "../model/WorkerSession.js"
import { findNamed, leaseLost, pageOf } from "./Lookup.js"
import * as Moves from "./Moves.js"
import * as State from "./State.js"
import { submit } from "./Submit.js"

export const make = (state: State.State, projectId: Ids.ProjectId): Runs["Type"] => {
  const project = State.projectOf(state, projectId)

  /** One step on a run that must exist. */
  const onRun = <A, E = never>(
    runId: Ids.RunId,
    change: (step: State.Step, record: State.RunRecord) => Either.Either<A, E>,
  ): Effect.Effect<A, E | RunNotFound> =>
    State.step(state, (step) =>
      Either.flatMap(findNamed(project, runId), (record): Either.Either<A, E | RunNotFound> =>
        change(step, record),
      ),
    )

  const sessionOf = (
    step: State.Step,
    { run }: State.RunRecord,
    lease: LeaseRef,
    record: SessionRecord,
    newId: Ids.SessionId,
  ): WorkerSession => {
    const before = run.session
    const status = record.status ?? before?.status ?? "active"
    return {
      id: before?.id ?? newId,
      runId: run.runId,
      implementationKind: project.workers.get(lease.workerId)?.implementationKind ?? "",
      workerId: lease.workerId,
      sessionKey: record.sessionKey,
      status,
      metadata: record.metadata ?? before?.metadata ?? null,
      createdAt: before?.createdAt ?? step.at,
      updatedAt: step.at,
      endedAt: status === "active" ? null : step.at,
    }
  }

  return {
    submit: submitChecked((submission) => submit(state, projectId, submission)),

    get: Effect.fn("Runs.get")((runId) => Either.map(findNamed(project, runId), ({ run }) => run)),

    snapshot: Effect.fn("Runs.snapshot")((runId) =>
      Either.map(findNamed(project, runId), ({ kept }) => kept.snapshot),
    ),

    list: Effect.fn("Runs.list")((options = {}) =>
      Effect.suspend(() => {
        const { status, agentId, conversationId } = options
        const runs = Array.from(project.runs.values())
          .filter(
            ({ run }) =>
              (status === undefined || run.status === status) &&
              (agentId === undefined || run.agentId === agentId) &&
              (conversationId === undefined || run.conversationId === conversationId),
          )
          .toReversed()
        return pageOf(
          runs.map(({ order, run }) => ({ keys: [-order], item: run })),
          options,
          [Number.MIN_SAFE_INTEGER],
        )
      }),
    ),

    cancel: Effect.fn("Runs.cancel")((runId) =>
      onRun(runId, (step, record) => {
        const { status } = record.run
        if (isTerminal(status)) return Either.right({ cancelled: false, run: record.run })
        Moves.cancel(step, record)
        return Either.right({ cancelled: true, run: record.run })
      }),
    ),

    resume: Effect.fn("Runs.resume")(function* (runId, answers) {
      const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
      return yield* onRun(runId, (step, record) => {
        Moves.expireWait(step, record)
        return Either.map(
          ResumeRules.take(record.run, record.kept, answers, messageIds),
          ({ duplicate, kept, waiting }) => {
            record.kept = kept
            if (!duplicate) Moves.answered(step, record, waiting)
            return { duplicate, run: record.run }
          },
        )
      })
    }),

    followUp: Effect.fn("Runs.followUp")(function* (runId, input) {
      const messageId = yield* Ids.uuidV7
      const fingerprint = yield* FollowUpRules.fingerprintOf(input)
      return yield* onRun(runId, (step, record) => {
        Moves.expireWait(step, record)
        const { kept, run } = record
        const { publicId } = input
        const situation: FollowUpRules.Situation = {
          run,
          kept,
          namesRun: project.runs.has(publicId),
          named: project.inputs.get(publicId),
          taken: Array.from(project.inputs.values()).filter((taken) => taken.runId === run.runId),
        }
        return Either.map(FollowUpRules.decide(situation, input, fingerprint, messageId), (decision) => {
          if ("input" in decision && decision.unnamed) project.inputs.set(publicId, decision.input)
          if (decision._tag === "Continue") {
            record.kept = decision.kept
            Moves.makePending(step, record, {})
          }
          if (decision._tag === "Complete") Moves.end(step, record, { status: "completed" })
          return FollowUpRules.resultOf(decision, record.run)
        })
      })
    }),

    inputs: Effect.fn("Runs.inputs")((runId) =>
      Effect.sync(() =>
        Array.from(project.inputs.values())
          .filter((input) => input.runId === runId)
          .map(({ publicId, since }) => ({ publicId, since })),
      ),
    ),

    complete: Effect.fn("Runs.complete")((runId, outcome, fence) =>
      onRun(runId, (step, record) => {
        if (fence !== undefined && Moves.standing(step, record, fence)._tag === "Lost") {
          return leaseLost(runId, fence)
        }
        if (isTerminal(record.run.status)) return Either.right({ completed: false, run: record.run })
        const byHolder = fence !== undefined
        if (outcome.status === "cancelled" && !byHolder) Moves.cancel(step, record, outcome)
        else Moves.end(step, record, outcome)
        return Either.right({ completed: true, run: record.run })
      }),
    ),

    recordSession: Effect.fn("Runs.recordSession")(function* (lease, session) {
      const newId = Ids.SessionId.make(yield* Ids.uuidV7)
      return yield* onRun(lease.runId, (step, record): Either.Either<WorkerSession, LeaseLost | RunEnded> => {
        const standing = Moves.standing(step, record, lease)
        switch (standing._tag) {
          case "Held": {
            const recorded = sessionOf(step, record, lease, session, newId)
            Moves.update(step, record, { session: recorded })
            return Either.right(recorded)
          }
          case "Ended":
            return Either.left(new RunEnded({ runId: lease.runId, status: standing.status }))
          case "Lost":
            return leaseLost(lease.runId, lease)
        }
      })
    }),
  }
}
