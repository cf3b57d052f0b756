/**
 * Answers and inputs for runs that wait.
 *
 * Source: docs/decisions/0014-interrupts.md, docs/decisions/0032-follow-up-inputs.md
 */
import type { FollowedUp, FollowUp, AcceptedInput } from "@runlease/core/FollowUp"
import type { Answers } from "@runlease/core/Interrupt"
import { RunNotFound } from "@runlease/core/Run"
import type { AnswerRefused, NotWaiting, SubmissionConflict } from "@runlease/core/Runs"
import { Effect, Either } from "effect"
import * as FollowUpRules from "../rules/FollowUpRules.js"
import { type RunDetails, toRun } from "../rules/RunState.js"
import { eventId } from "../rules/Transition.js"
import * as WaitTransitions from "../rules/WaitTransitions.js"
import * as LeaseOperations from "./LeaseOperations.js"
import { type Unsealed, unsealed } from "./SealedAnswers.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import type { RunKey, RunRef, StoredRun } from "../rows/RunRows.js"
import { logKey } from "../commit/Wakeups.js"

/** A run of the batch, failed if its wait has expired. */
const findWaiting = <X>(batch: RunBatch<X>, ref: RunRef): Either.Either<StoredRun, RunNotFound> => {
  const run = batch.find(ref)
  if (run === undefined) return Either.left(new RunNotFound({ runId: ref.runId }))
  const expired = WaitTransitions.endWait(run.state, batch.now)
  return Either.right(expired === undefined ? run : batch.apply(run, expired))
}

const ownOf = ({ state }: StoredRun) => ({ runId: state.spec.runId, waiting: state.waiting })

const keysOf = <X>(
  batch: RunBatch<X>,
  requests: ReadonlyArray<{ readonly ref: RunRef }>,
): ReadonlyArray<RunKey> => requests.flatMap(({ ref }) => batch.find(ref)?.key ?? [])

/** `sealed`: whether the answers have no secret that is to be sealed. `messageIds`: one for each answer. `by`: their author. */
interface Resume {
  readonly sealed: boolean
  readonly ref: RunRef
  readonly answers: Answers
  readonly messageIds: ReadonlyArray<string>
  readonly by: string | undefined
}

const resumeAll = <X>(requests: ReadonlyArray<Resume>, batch: RunBatch<X>) =>
  Effect.gen(function* () {
    const details = LeaseOperations.lateDetails(batch, requests)
    yield* batch.flush("resume")
    const records = new Map(yield* batch.rows.resumeRecords(keysOf(batch, requests)))
    return yield* batch.inTurn(requests, ({ answers, by, messageIds, ref, sealed }) =>
      Either.flatMap(
        findWaiting(batch, ref),
        (run): Either.Either<LeaseOperations.Decision, NotWaiting | AnswerRefused | Unsealed> => {
          const before = records.get(run.key)!
          const secret = sealed ? undefined : unsealed(ownOf(run), before, answers)
          if (secret !== undefined) return Either.left(secret)
          return Either.map(
            WaitTransitions.resume(run.state, before, answers, messageIds, by, batch.now),
            ({ record, transition }) => {
              if (transition === undefined) return { changed: false, run, details }
              records.set(run.key, record)
              return { changed: true, run: batch.apply(run, transition, { resume: record }), details }
            },
          )
        },
      ),
    )
  })

/** Adds answers to the runs that wait for them. */
export const resume = <X>(): RunOperation<
  Resume,
  LeaseOperations.Decision,
  LeaseOperations.Answer,
  RunNotFound | NotWaiting | AnswerRefused | Unsealed,
  X
> => ({
  name: "Runs.resume",
  refs: ({ ref }) => [ref],
  decide: resumeAll,
  answer: LeaseOperations.answer,
})

interface Input {
  readonly ref: RunRef
  readonly followUp: FollowUp
  readonly sealed: boolean
  readonly fingerprint: string
  readonly messageId: string
  readonly by: string | undefined
}

interface FollowUpDecision {
  readonly decision: FollowUpRules.Decision
  readonly run: StoredRun
  readonly details: ReadonlyMap<RunKey, RunDetails>
}

const publicRef = ({ followUp, ref }: Input): RunRef => ({
  projectId: ref.projectId,
  runId: followUp.publicId,
})

const followUpAll = <X>(requests: ReadonlyArray<Input>, batch: RunBatch<X>) =>
  Effect.gen(function* () {
    const keys = keysOf(batch, requests)
    yield* batch.flush("resume", "inputs")
    const records = new Map(yield* batch.rows.resumeRecords(keys))
    const inputs = new Map<string, AcceptedInput>()
    for (const { input, projectId } of yield* batch.rows.inputs(requests.map(publicRef), keys)) {
      inputs.set(logKey({ projectId, runId: input.publicId }), input)
    }
    const details = LeaseOperations.lateDetails(batch, requests)

    const followUpOne = (
      request: Input,
      run: StoredRun,
    ): Either.Either<FollowUpDecision, NotWaiting | AnswerRefused | SubmissionConflict | Unsealed> => {
      const { latestEventId, log, spec, waiting } = run.state
      const name = logKey(publicRef(request))
      const situation: FollowUpRules.Situation = {
        run: {
          runId: spec.runId,
          waiting,
          latestEventId,
          questionEventId: eventId(latestEventId - (log.between ?? 0)),
        },
        record: records.get(run.key)!,
        namesRun: batch.find(publicRef(request)) !== undefined,
        named: inputs.get(name),
        accepted: Array.from(inputs.values()).filter(({ runId }) => runId === spec.runId),
      }
      const { by, fingerprint, followUp, messageId, sealed } = request
      const secret = sealed ? undefined : unsealed(situation.run, situation.record, followUp.resume)
      if (secret !== undefined) return Either.left(secret)
      return Either.map(FollowUpRules.decide(situation, followUp, fingerprint, messageId, by), (decision) => {
        if ("input" in decision && decision.unnamed) {
          inputs.set(name, decision.input)
          batch.describe(run, { inputs: [decision.input] })
        }
        if (decision._tag === "Continue") {
          records.set(run.key, decision.record)
          batch.describe(run, { resume: decision.record })
        }
        const transition = WaitTransitions.followUp(run.state, decision, batch.now)
        return { decision, run: transition === undefined ? run : batch.apply(run, transition), details }
      })
    }

    return yield* batch.inTurn(requests, (request) =>
      Either.flatMap(findWaiting(batch, request.ref), (run) => followUpOne(request, run)),
    )
  })

/** Passes the next inputs of clients to their runs. */
export const followUp = <X>(): RunOperation<
  Input,
  FollowUpDecision,
  FollowedUp,
  RunNotFound | NotWaiting | AnswerRefused | SubmissionConflict | Unsealed,
  X
> => ({
  name: "Runs.followUp",
  refs: (request) => [request.ref, publicRef(request)],
  decide: followUpAll,
  answer: ({ decision, details, run }) =>
    FollowUpRules.resultOf(decision, toRun(run.state, details.get(run.key)!)),
})
