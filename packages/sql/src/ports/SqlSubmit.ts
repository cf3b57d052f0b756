/**
 * Submissions on SQL: those of one commit become runs together.
 *
 * @since 0.1.0
 */
import { Conversations, Ids, RequestSnapshot, Run, Runs, type Transition, Transitions } from "@runlease/core"
import { Brand, DateTime, Effect, Either } from "effect"
import { execute } from "../dialect/ExecuteStatement.js"
import * as ConversationRows from "../batch/ConversationRows.js"
import * as InputRows from "../batch/InputRows.js"
import * as LaneQueries from "../batch/LaneQueries.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type * as RunBatch from "../batch/RunBatch.js"
import * as RunQueries from "../batch/RunQueries.js"
import { newRow, type StoredRun, toJson, toRun } from "../rows/RunCodec.js"
import { type DetailRow, detailColumns, type RunRow, runColumns } from "../rows/RunRow.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface Request {
  readonly projectId: Ids.ProjectId
  readonly submission: Runs.Submission
  /** The submission as it was sent, to be compared with another of the same public id. */
  readonly sent: string
  readonly runId: Ids.RunId
  readonly messageId: Ids.MessageId
  /** The conversation it names, or a new one. */
  readonly conversationId: Ids.ConversationId
}

type Refusal = Conversations.ConversationNotFound | Run.RunNotFound | Runs.SubmissionConflict

type Submitted = { readonly run: Run.Run; readonly duplicate: boolean }

interface Decision {
  readonly stored: StoredRun
  readonly details: DetailRow
  readonly duplicate: boolean
}

/** A run that is accepted but has no key yet. */
interface Accepted {
  readonly submitted: Transition.Transition
  readonly details: DetailRow
  readonly sent: string
  readonly snapshot: string
}

const newRunId = Brand.nominal<Ids.RunId>()
const newMessageId = Brand.nominal<Ids.MessageId>()
const newConversationId = Brand.nominal<Ids.ConversationId>()

const nameOf = (projectId: string, id: string): string => `${projectId}/${id}`

/** The lanes of these submissions that have an unfinished run; they are locked until the commit. */
const readBusyLanes = (store: SqlStore, requests: ReadonlyArray<Request>) =>
  LaneQueries.readBusy(
    store,
    requests.flatMap((request) => {
      const lane = laneOf(request)
      const { concurrencyKey, conversationId } = request.submission
      // A new conversation has no other runs.
      return lane === null || (concurrencyKey === undefined && conversationId === undefined)
        ? []
        : [{ project_id: request.projectId, lane }]
    }),
  )

const laneOf = ({ submission, conversationId }: Request): string | null =>
  submission.concurrencyKey === undefined ? conversationId : submission.concurrencyKey

const start = (
  { projectId, submission, runId, messageId, conversationId }: Request,
  place: { readonly lane: string | null; readonly behind: boolean },
  now: number,
): Transition.Transition =>
  Transitions.submit(
    {
      projectId,
      runId,
      conversationId,
      messageId,
      agentId: submission.agentId,
      implementationKind: submission.implementationKind ?? null,
      workerKey: submission.workerKey ?? null,
      lane: place.lane,
      priority: submission.priority ?? 0,
      maxAttempts: submission.maxAttempts ?? Runs.defaultMaxAttempts,
      createdAt: now,
    },
    {
      driven: submission.initialStatus === "running",
      behind: place.behind,
      availableAt:
        submission.availableAt === undefined ? now : DateTime.toEpochMillis(submission.availableAt),
    },
    now,
  )

const newDetails = (
  submission: Runs.Submission,
  parentRunId: Ids.RunId | null,
  rootRunId: Ids.RunId,
): DetailRow => ({
  mode: submission.mode ?? null,
  parent_run_id: parentRunId,
  root_run_id: rootRunId,
  trigger_call: toJson(submission.trigger),
  source_target: toJson(submission.sourceTarget),
  runtime_target: toJson(submission.runtimeTarget),
  metadata: null,
  result: null,
})

const detailInsertColumns = {
  run_pk: "integer",
  ...detailColumns,
  answers: "text",
  submission: "text",
  snapshot: "text",
} as const

const conversationColumns = {
  id: "text",
  project_id: "text",
  created_at: "integer",
  updated_at: "integer",
} as const

/** Inserts the runs in this order, and returns them with their keys. */
const insert = Effect.fnUntraced(function* (
  store: SqlStore,
  accepted: ReadonlyArray<Accepted>,
  newConversations: ReadonlyArray<{ readonly id: string; readonly project_id: string }>,
  now: number,
) {
  const newRows = accepted.map(({ submitted }) => newRow(submitted.state))
  const keys = yield* execute(
    BulkStatements.insert<typeof runColumns, Pick<RunRow, "run_pk" | "project_id" | "run_id">>(
      store,
      "runs",
      runColumns,
      newRows,
      "RETURNING run_pk, project_id, run_id",
    ),
  )
  const keyOf = new Map(keys.map((key) => [nameOf(key.project_id, key.run_id), key.run_pk]))
  const rows = newRows.map((row): RunRow => ({
    ...row,
    run_pk: keyOf.get(nameOf(row.project_id, row.run_id))!,
  }))
  const details = accepted.map(({ details, sent, snapshot }, index) => ({
    ...details,
    run_pk: rows[index]!.run_pk,
    answers: "{}",
    submission: sent,
    snapshot,
  }))
  const conversations = newConversations.map((conversation) => ({
    ...conversation,
    created_at: now,
    updated_at: now,
  }))
  yield* store.dialect.write([
    BulkStatements.insert(store, "run_details", detailInsertColumns, details),
    ...(conversations.length === 0
      ? []
      : [BulkStatements.insert(store, "conversations", conversationColumns, conversations)]),
  ])
  return rows
})

const submitAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Request>,
  runs: RunBatch.RunBatch,
) {
  const named = requests.flatMap(({ projectId, runId, submission: { publicId, parentRunId } }) => [
    ...(publicId === undefined ? [] : [{ projectId, runId }]),
    ...(parentRunId === undefined ? [] : [{ projectId, runId: parentRunId }]),
  ])
  const inputs = yield* InputRows.loadNamed(store, runs, named)
  // The details of the named runs, with their submissions.
  const namedDetails = yield* RunQueries.readDetails(
    store,
    named.flatMap(({ projectId, runId }) => {
      const ofInput = inputs.get(nameOf(projectId, runId))
      return runs.find({ projectId, runId: ofInput ?? runId })?.key ?? []
    }),
    { more: "submission" },
  )
  const conversations = yield* ConversationRows.read(
    store,
    requests.flatMap(({ conversationId, projectId, submission }) =>
      submission.conversationId === undefined
        ? []
        : [{ projectId, conversationId, messages: submission.snapshot === undefined }],
    ),
  )
  const busyLanes = yield* readBusyLanes(store, requests)
  const accepted = new Map<string, Accepted>()
  const newConversations: Array<{ readonly id: string; readonly project_id: string }> = []

  /** The details of a run that is there already, or that this commit has accepted so far. */
  const detailsOf = (ref: RunQueries.RunRef): DetailRow | undefined => {
    const run = runs.find(ref)
    return run === undefined
      ? accepted.get(nameOf(ref.projectId, ref.runId))?.details
      : namedDetails.get(run.key)
  }

  const sentFirst = (ref: RunQueries.RunRef): string | undefined => {
    const run = runs.find(ref)
    return run === undefined
      ? accepted.get(nameOf(ref.projectId, ref.runId))?.sent
      : namedDetails.get(run.key)?.submission
  }

  const accept = (request: Request): Either.Either<boolean, Refusal> => {
    const { projectId, runId, conversationId, submission, sent } = request
    if (inputs.has(nameOf(projectId, runId))) {
      return Either.left(new Runs.SubmissionConflict({ publicId: runId }))
    }
    const before = sentFirst(request)
    if (before !== undefined) {
      return before === sent
        ? Either.right(true)
        : Either.left(new Runs.SubmissionConflict({ publicId: runId }))
    }
    let rootRunId = runId
    let parentRunId: Ids.RunId | null = null
    if (submission.parentRunId !== undefined) {
      parentRunId = inputs.get(nameOf(projectId, submission.parentRunId)) ?? submission.parentRunId
      const parent = detailsOf({ projectId, runId: parentRunId })
      if (parent === undefined) return Either.left(new Run.RunNotFound({ runId: submission.parentRunId }))
      rootRunId = parent.root_run_id
    }
    const messages = conversations.get(nameOf(projectId, conversationId))
    if (submission.conversationId === undefined) {
      newConversations.push({ id: conversationId, project_id: projectId })
    } else if (messages === undefined) {
      return Either.left(new Conversations.ConversationNotFound({ conversationId }))
    }
    const lane = laneOf(request)
    const behind = lane !== null && busyLanes.has(LaneQueries.nameOf({ project_id: projectId, lane }))
    if (lane !== null) busyLanes.add(LaneQueries.nameOf({ project_id: projectId, lane }))
    accepted.set(nameOf(projectId, runId), {
      submitted: start(request, { lane, behind }, runs.now),
      details: newDetails(submission, parentRunId, rootRunId),
      sent,
      snapshot: JSON.stringify(submission.snapshot ?? { ...RequestSnapshot.empty, messages: messages ?? [] }),
    })
    return Either.right(false)
  }

  const verdicts = requests.map(accept)
  if (accepted.size > 0) {
    const added = [...accepted.values()]
    const rows = yield* insert(store, added, newConversations, runs.now)
    for (const [index, row] of rows.entries()) runs.insert(row, added[index]!.submitted)
  }
  return requests.map((request, index) =>
    Either.map(verdicts[index]!, (duplicate): Decision => {
      const stored = runs.find(request)!
      const details =
        accepted.get(nameOf(request.projectId, request.runId))?.details ?? namedDetails.get(stored.key)!
      return { duplicate, stored, details }
    }),
  )
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore) => {
  const submit = store.writer.operation<Request, Decision, Submitted, Refusal>({
    name: "Runs.submit",
    decide: (requests, runs) => submitAll(store, requests, runs),
    answer: ({ details, duplicate, stored }) => ({ duplicate, run: toRun(stored, details) }),
  })

  return Effect.fnUntraced(function* (projectId: Ids.ProjectId, submission: Runs.Submission) {
    return yield* submit({
      projectId,
      submission,
      sent: submission.publicId === undefined ? "" : Runs.requestText(submission),
      runId: submission.publicId ?? newRunId(yield* Ids.uuidV7),
      messageId: newMessageId(yield* Ids.uuidV7),
      conversationId: submission.conversationId ?? newConversationId(yield* Ids.uuidV7),
    })
  })
}
