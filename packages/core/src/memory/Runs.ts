/**
 * Runs over the state in memory.
 */
import { Effect, Either } from "effect"
import { checkFence } from "../rules/Fencing.js"
import * as Transitions from "../rules/Transitions.js"
import * as WaitTransitions from "../rules/WaitTransitions.js"
import * as FollowUpRules from "../rules/FollowUpRules.js"
import * as Ids from "../model/Ids.js"
import type { Fence, LeaseLost, LeaseRef, Run, RunEnded, RunNotFound } from "../model/Run.js"
import { type Outcome, type Runs, submitChecked } from "../ports/Runs.js"
import type { SessionRecord, WorkerSession } from "../model/WorkerSession.js"
import { findNamed, pageOf } from "./Lookup.js"
import { apply, applyEnd } from "./RunRecords.js"
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

  const expireWait = (step: State.Step, record: State.RunRecord): void => {
    const expired = WaitTransitions.expireWait(record.state, step.now)
    if (expired !== undefined) apply(step, record, expired)
  }

  const sessionOf = (
    step: State.Step,
    { details, state: { spec } }: State.RunRecord,
    lease: LeaseRef,
    record: SessionRecord,
    newId: Ids.SessionId,
  ): WorkerSession => {
    const before = details.session
    const status = record.status ?? before?.status ?? "active"
    return {
      id: before?.id ?? newId,
      runId: spec.runId,
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

  /** Ends a run; false when it had ended before. */
  const end = (
    step: State.Step,
    record: State.RunRecord,
    outcome: Outcome,
    fence?: Fence,
  ): Either.Either<{ readonly ended: boolean; readonly run: Run }, LeaseLost> => {
    const ended = Transitions.end(record.state, fence, outcome, step.now)
    if (Either.isRight(ended)) applyEnd(step, record, outcome, ended.right)
    else if (ended.left._tag === "LeaseLost") return Either.left(ended.left)
    return Either.right({ ended: Either.isRight(ended), run: State.runOf(record) })
  }

  return {
    submit: submitChecked((submission) => submit(state, projectId, submission)),

    get: (runId) => Either.map(findNamed(project, runId), State.runOf),

    snapshot: (runId) => Either.map(findNamed(project, runId), ({ resume }) => resume.snapshot),

    list: (options = {}) =>
      Effect.suspend(() => {
        const { status, agentId, conversationId } = options
        const runs = Array.from(project.runs.values())
          .filter(
            ({ state: { spec, status: current } }) =>
              (status === undefined || current === status) &&
              (agentId === undefined || spec.agentId === agentId) &&
              (conversationId === undefined || spec.conversationId === conversationId),
          )
          .toReversed()
        return pageOf(
          runs.map((record) => ({ keys: [-record.order], item: State.runOf(record) })),
          options,
          [Number.MIN_SAFE_INTEGER],
        )
      }),

    cancel: (runId) =>
      onRun(runId, (step, record) =>
        Either.map(end(step, record, { status: "cancelled" }), ({ ended, run }) => ({
          cancelled: ended,
          run,
        })),
      ).pipe(
        // Only a fence can be lost, and a cancellation has none.
        Effect.catchTag("LeaseLost", Effect.die),
      ),

    resume: Effect.fnUntraced(function* (runId, answers) {
      const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
      return yield* onRun(runId, (step, record) => {
        expireWait(step, record)
        return Either.map(
          WaitTransitions.resume(record.state, record.resume, answers, messageIds, step.now),
          ({ record: resume, transition }) => {
            record.resume = resume
            if (transition !== undefined) apply(step, record, transition)
            return { duplicate: transition === undefined, run: State.runOf(record) }
          },
        )
      })
    }),

    followUp: Effect.fnUntraced(function* (runId, input) {
      const messageId = yield* Ids.uuidV7
      const fingerprint = yield* FollowUpRules.fingerprintOf(input)
      return yield* onRun(runId, (step, record) => {
        expireWait(step, record)
        const { resume, state } = record
        const { publicId } = input
        const situation: FollowUpRules.Situation = {
          run: { runId: state.spec.runId, waiting: state.waiting, latestEventId: state.latestEventId },
          record: resume,
          namesRun: project.runs.has(publicId),
          named: project.inputs.get(publicId),
          taken: Array.from(project.inputs.values()).filter((taken) => taken.runId === state.spec.runId),
        }
        return Either.map(FollowUpRules.decide(situation, input, fingerprint, messageId), (decision) => {
          if ("input" in decision && decision.unnamed) project.inputs.set(publicId, decision.input)
          if (decision._tag === "Continue") record.resume = decision.record
          const transition = WaitTransitions.followUp(state, decision, step.now)
          if (transition !== undefined) apply(step, record, transition)
          return FollowUpRules.resultOf(decision, State.runOf(record))
        })
      })
    }),

    inputs: (runId) =>
      Effect.sync(() =>
        Array.from(project.inputs.values())
          .filter((input) => input.runId === runId)
          .map(({ publicId, since }) => ({ publicId, since })),
      ),

    complete: (runId, outcome, fence) =>
      onRun(runId, (step, record) =>
        Either.map(end(step, record, outcome, fence), ({ ended, run }) => ({ completed: ended, run })),
      ),

    recordSession: Effect.fnUntraced(function* (lease, session) {
      const newId = Ids.SessionId.make(yield* Ids.uuidV7)
      return yield* onRun(lease.runId, (step, record): Either.Either<WorkerSession, LeaseLost | RunEnded> =>
        Either.map(checkFence(record.state, lease, step.now), () => {
          const recorded = sessionOf(step, record, lease, session, newId)
          record.details = { ...record.details, session: recorded }
          return recorded
        }),
      )
    }),
  }
}
