/**
 * How a submission becomes a run.
 */
import { DateTime, Effect, Either } from "effect"
import * as Transitions from "../rules/Transitions.js"
import { ConversationNotFound } from "../ports/Conversations.js"
import * as Ids from "../model/Ids.js"
import * as RequestSnapshot from "../model/RequestSnapshot.js"
import { noTarget, projectTarget, type Run, type RunNotFound } from "../model/Run.js"
import { defaultMaxAttempts, requestText, type Submission, SubmissionConflict } from "../ports/Runs.js"
import { newConversation } from "./Conversations.js"
import { findNamed } from "./Lookup.js"
import { add } from "./RunRecords.js"
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
      const lane = submission.concurrencyKey === undefined ? conversationId : submission.concurrencyKey
      const submitted = Transitions.submit(
        {
          projectId,
          runId,
          conversationId,
          messageId: ids.message,
          agentId: submission.agentId,
          implementationKind: submission.implementationKind ?? null,
          workerKey: submission.workerKey ?? null,
          lane,
          priority: submission.priority ?? 0,
          maxAttempts: submission.maxAttempts ?? defaultMaxAttempts,
          createdAt: step.now,
        },
        {
          driven: submission.initialStatus === "running",
          behind: lane !== null && project.lanes.has(lane),
          availableAt: submission.availableAt?.epochMillis ?? step.now,
        },
        step.now,
      )
      const record: State.RunRecord = {
        state: submitted.state,
        details: {
          mode: submission.mode ?? null,
          parentRunId: parent?.state.spec.runId ?? null,
          rootRunId: parent?.details.rootRunId ?? runId,
          trigger: submission.trigger ?? null,
          sourceTarget: submission.sourceTarget ?? projectTarget,
          runtimeTarget: submission.runtimeTarget ?? noTarget,
          session: null,
          metadata: null,
          result: null,
        },
        order: project.submitted++,
        submission: sent,
        resume: { snapshot: submission.snapshot ?? snapshotOf(conversation), answers: {} },
        entries: [],
        sizes: [],
      }
      add(step, record, submitted)
      return record
    })

  return yield* State.step(
    state,
    (step): Either.Either<{ readonly run: Run; readonly duplicate: boolean }, Refusal> => {
      const before = project.runs.get(runId)
      if (before === undefined && project.inputs.has(runId)) {
        return Either.left(new SubmissionConflict({ publicId: runId }))
      }
      if (before === undefined)
        return Either.map(enter(step), (record) => ({ run: State.runOf(record), duplicate: false }))
      return before.submission === sent
        ? Either.right({ run: State.runOf(before), duplicate: true })
        : Either.left(new SubmissionConflict({ publicId: runId }))
    },
  )
})
