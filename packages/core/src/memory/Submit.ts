/**
 * How a submission becomes a run.
 */
import { DateTime, Effect, Either } from "effect"
import * as ControlEvents from "../rules/ControlEvents.js"
import { ConversationNotFound } from "../ports/Conversations.js"
import * as Ids from "../model/Ids.js"
import * as LogState from "../rules/LogState.js"
import * as RequestSnapshot from "../model/RequestSnapshot.js"
import {
  EventId,
  LeaseEpoch,
  noTarget,
  projectTarget,
  type Run,
  type RunNotFound,
  Sequence,
} from "../model/Run.js"
import { defaultMaxAttempts, requestText, type Submission, SubmissionConflict } from "../ports/Runs.js"
import { newConversation } from "./Conversations.js"
import { findNamed } from "./Lookup.js"
import * as Moves from "./Moves.js"
import * as State from "./State.js"

/** The ids that a new run may need, made before its step. */
const makeIds = Effect.all({
  run: Effect.map(Ids.uuidV7, (id) => Ids.RunId.make(id)),
  conversation: Effect.map(Ids.uuidV7, (id) => Ids.ConversationId.make(id)),
  message: Effect.map(Ids.uuidV7, (id) => Ids.MessageId.make(id)),
})

const snapshotOf = ({ messages }: State.ConversationRecord): RequestSnapshot.RequestSnapshot => ({
  ...RequestSnapshot.empty,
  messages: messages.map(({ id, role, parts, metadata, createdAt }) => ({
    id,
    role,
    parts,
    ...(metadata === null ? {} : { metadata }),
    createdAt: DateTime.formatIso(createdAt),
  })),
})

type Refusal = ConversationNotFound | RunNotFound | SubmissionConflict

export const submit = Effect.fnUntraced(function* (
  state: State.State,
  projectId: Ids.ProjectId,
  submission: Submission,
) {
  const project = State.projectOf(state, projectId)
  const ids = yield* makeIds
  const sent = requestText(submission)
  const runId = submission.publicId ?? ids.run

  const enter = (step: State.Step): Either.Either<State.RunRecord, Refusal> =>
    Either.gen(function* () {
      const parent =
        submission.parentRunId === undefined ? null : yield* findNamed(project, submission.parentRunId)
      const conversation =
        submission.conversationId === undefined
          ? newConversation(step, projectId, ids.conversation)
          : yield* Either.fromNullable(
              project.conversations.get(submission.conversationId),
              () => new ConversationNotFound({ conversationId: submission.conversationId! }),
            )
      const conversationId = conversation.conversation.id
      const driven = submission.initialStatus === "running"
      const run: Run = {
        runId,
        projectId,
        conversationId,
        messageId: ids.message,
        agentId: submission.agentId,
        status: driven ? "running" : "pending",
        mode: submission.mode ?? null,
        parentRunId: parent?.run.runId ?? null,
        rootRunId: parent?.run.rootRunId ?? runId,
        trigger: submission.trigger ?? null,
        implementationKind: submission.implementationKind ?? null,
        workerKey: submission.workerKey ?? null,
        sourceTarget: submission.sourceTarget ?? projectTarget,
        runtimeTarget: submission.runtimeTarget ?? noTarget,
        priority: submission.priority ?? 0,
        concurrencyKey: submission.concurrencyKey === undefined ? conversationId : submission.concurrencyKey,
        attempt: 0,
        maxAttempts: submission.maxAttempts ?? defaultMaxAttempts,
        latestEventId: EventId.make(0),
        latestSequence: Sequence.make(0),
        lease: null,
        leaseEpoch: LeaseEpoch.make(0),
        waiting: null,
        session: null,
        error: null,
        metadata: null,
        result: null,
        createdAt: step.at,
        updatedAt: step.at,
        availableAt: submission.availableAt ?? step.at,
        startedAt: driven ? step.at : null,
        finishedAt: null,
      }
      const record: State.RunRecord = {
        run,
        order: project.submitted++,
        submission: sent,
        kept: { snapshot: submission.snapshot ?? snapshotOf(conversation), known: {} },
        entries: [],
        sizes: [],
        logState: LogState.initial,
        pastAttempt: null,
        claimId: null,
        lastHolder: null,
      }
      Moves.enter(step, record)
      if (driven) Moves.log(step, record, ControlEvents.opening(run, record.logState), "own")
      return record
    })

  return yield* State.step(
    state,
    (step): Either.Either<{ readonly run: Run; readonly duplicate: boolean }, Refusal> => {
      const known = project.runs.get(runId)
      if (known === undefined && project.inputs.has(runId)) {
        return Either.left(new SubmissionConflict({ publicId: runId }))
      }
      if (known === undefined) return Either.map(enter(step), ({ run }) => ({ run, duplicate: false }))
      return known.submission === sent
        ? Either.right({ run: known.run, duplicate: true })
        : Either.left(new SubmissionConflict({ publicId: runId }))
    },
  )
})
