/** The port of runs over a store: what changes runs goes into its commits, and what reads them does not. */
import { Answerer } from "@runlease/core/AnswerEvent"
import * as Ids from "@runlease/core/Ids"
import * as OneOrMore from "@runlease/core/OneOrMore"
import { cursorOf, type Page } from "@runlease/core/Page"
import { type LeaseLost, type LeaseRef, type Run, type RunEnded, RunNotFound } from "@runlease/core/Run"
import * as RunLabels from "@runlease/core/RunLabels"
import {
  check,
  checkCount,
  type ListRuns,
  maxSubmissions,
  requestText,
  type Runs,
  type Submission,
  type SubmissionInput,
  submitChecked,
} from "@runlease/core/Runs"
import type { SessionRecord, WorkerSession } from "@runlease/core/WorkerSession"
import { Array, DateTime, Effect, Either, Function } from "effect"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as FilterSearch from "../rows/FilterSearch.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { RunKey } from "../rows/RunRows.js"
import type { RunReads } from "../rows/RunStore.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as FollowUpRules from "../rules/FollowUpRules.js"
import { checkFence } from "../rules/Transition.js"
import * as Carried from "./Carried.js"
import * as Fork from "./Fork.js"
import * as LabelOperation from "./LabelOperation.js"
import * as LeaseOperations from "./LeaseOperations.js"
import * as ResumeOperation from "./ResumeOperation.js"
import * as Retry from "./Retry.js"
import * as Submit from "./Submit.js"
import type { SealedAnswers } from "./SealedAnswers.js"
import * as SubmitRequest from "./SubmitRequest.js"
import * as TellOperation from "./TellOperation.js"

// The pages of the list of runs.

/** A page of the list. One whose runs are too large ends before the last of those that were found. */
const pageOfRuns = <X>(
  { listed, summaries }: RunReads<X>,
  projectId: Ids.ProjectId,
  filter: ListRuns,
  request: FilterSearch.PageOf,
): Effect.Effect<Page<Run>, X> =>
  Effect.gen(function* () {
    const plan = yield* FilterSearch.plan(summaries, projectId, filter, request)
    const { found, next } = yield* FilterSearch.search(summaries, projectId, plan)
    const { more, rows } = yield* listed(found)
    const last = rows.at(-1)
    return {
      // A run may have gone on since it was found.
      items: rows.flatMap(({ run }) => (OneOrMore.isOneOf(filter.status, run.status) ? [run] : [])),
      next: more && last !== undefined ? cursorOf([last.key]) : next,
    }
  })

interface SessionRequest {
  readonly projectId: Ids.ProjectId
  readonly lease: LeaseRef
  readonly record: SessionRecord
  /** The kind of the worker. */
  readonly implementationKind: string
  /** The id of the session, if the run has none yet. */
  readonly newId: Ids.SessionId
}

const after = (
  before: WorkerSession | null,
  { implementationKind, lease, newId, record }: SessionRequest,
  at: DateTime.Utc,
): WorkerSession => {
  const status = record.status ?? before?.status ?? "active"
  return {
    id: before?.id ?? newId,
    runId: lease.runId,
    implementationKind,
    workerId: lease.workerId,
    sessionKey: record.sessionKey,
    status,
    metadata: record.metadata === undefined ? (before?.metadata ?? null) : record.metadata,
    createdAt: before?.createdAt ?? at,
    updatedAt: at,
    endedAt: status === "active" ? null : at,
  }
}

/** The session of a run with its worker: one per run, recorded by its holder. */
const sessionOperation = <X>(): RunOperation<
  SessionRequest,
  WorkerSession,
  WorkerSession,
  RunNotFound | LeaseLost | RunEnded,
  X
> => ({
  name: "Runs.recordSession",
  refs: ({ lease: { runId }, projectId }) => [{ projectId, runId }],
  decide: (requests, batch) =>
    Effect.gen(function* () {
      const found = requests.flatMap(
        ({ lease: { runId }, projectId }) => batch.find({ projectId, runId }) ?? [],
      )
      const sessions = new Map<RunKey, WorkerSession | null>()
      for (const [key, { session }] of yield* batch.rows.details(found)) sessions.set(key, session)
      const at = DateTime.unsafeMake(batch.now)
      return requests.map((request): Either.Either<WorkerSession, RunNotFound | LeaseLost | RunEnded> => {
        const { runId } = request.lease
        const run = batch.find({ projectId: request.projectId, runId })
        if (run === undefined) return Either.left(new RunNotFound({ runId }))
        return Either.map(checkFence(run.state, request.lease, batch.now), () => {
          const session = after(sessions.get(run.key) ?? null, request, at)
          sessions.set(run.key, session)
          batch.describe(run, { session })
          return session
        })
      })
    }),
  answer: Function.identity,
})

export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
  sealed: SealedAnswers,
  sendMessage: TellOperation.Tell,
): ((projectId: Ids.ProjectId) => Runs["Type"]) => {
  const { sealing } = sealed
  const submit = commits.operation(Submit.operation<X>())
  const submitTogether = commits.operation(Submit.many<X>())
  const end = commits.operation(LeaseOperations.operation<X>())
  const resume = commits.operation(ResumeOperation.resume<X>())
  const followUp = commits.operation(ResumeOperation.followUp<X>())
  const label = commits.operation(LabelOperation.operation<X>())
  const recordSession = commits.operation(sessionOperation<X>())

  const requestOf = (projectId: Ids.ProjectId, submission: Submission, textOf = requestText) =>
    // Nothing can be compared with a submission that has no name.
    SubmitRequest.request(projectId, submission, submission.publicId === undefined ? "" : textOf(submission))

  const submitTo = (projectId: Ids.ProjectId, seed?: SubmitRequest.Seed, textOf = requestText) =>
    submitChecked(
      Effect.fnUntraced(function* (submission) {
        const request = yield* requestOf(projectId, submission, textOf)
        return yield* submit(seed === undefined ? request : { ...request, seed })
      }),
    )

  const submitMany = Effect.fnUntraced(function* (
    projectId: Ids.ProjectId,
    submissions: ReadonlyArray<SubmissionInput>,
  ) {
    const checked = Array.map(yield* checkCount(submissions, maxSubmissions), check)
    const requests = yield* Effect.forEach(Array.getRights(checked), (submission) =>
      requestOf(projectId, submission),
    )
    const verdicts = requests.length === 0 ? [] : yield* submitTogether(requests)
    let next = 0
    return checked.map(Either.flatMap(() => verdicts[next++]!))
  })

  return (projectId) => ({
    submit: submitTo(projectId),

    submitMany: (submissions) => submitMany(projectId, submissions),

    retry: Retry.make(reads, projectId, (seed, fromStart) =>
      submitTo(projectId, seed, (submission) => Retry.textOf(submission, fromStart)),
    ),
    fork: Fork.make(reads, projectId, sealed, (seed, textOf) => submitTo(projectId, seed, textOf)),

    get: (runId) => reads.named("Runs.get", { projectId, runId }, ({ run }, ref) => run(ref)),

    snapshot: (runId, { own = false } = {}) =>
      reads.named("Runs.snapshot", { projectId, runId }, (rows, ref) =>
        Effect.flatMap(rows.snapshot(ref), (snapshot) =>
          snapshot === undefined || own ? Effect.succeed(snapshot) : Carried.whole(ref, snapshot)(rows),
        ),
      ),

    inputs: (runId) => reads.read("Runs.inputs", ({ inputs }) => inputs({ projectId, runId })),

    list: Effect.fnUntraced(function* (options = {}) {
      const place = yield* KeysetPage.placeOf(options)
      return yield* reads.read("Runs.list", (rows) => pageOfRuns(rows, projectId, options, place))
    }),

    cancel: (runId) =>
      Effect.flatMap(Answerer, (by) =>
        reads.onNamed("Runs.cancel", { projectId, runId }, (ref) =>
          end({ ref, outcome: { status: "cancelled", by }, fence: undefined }),
        ),
      ).pipe(
        Effect.map(({ changed, run }) => ({ cancelled: changed, run })),
        // Only a fence can be lost, and only its holder takes messages: a cancellation has none.
        Effect.catchTags({ LeaseLost: Effect.die, InboxNotEmpty: Effect.die }),
      ),

    label: (runId, changes) =>
      Effect.flatMap(RunLabels.check(changes), (checked) =>
        reads.onNamed("Runs.label", { projectId, runId }, (ref) => label({ ref, changes: checked })),
      ),

    resume: Effect.fnUntraced(function* (runId, answers) {
      const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
      const by = yield* Answerer
      const { changed, run } = yield* sealing(answers, (own, sealed) =>
        reads.onNamed("Runs.resume", { projectId, runId }, (ref) =>
          resume({ ref, answers: own, sealed, messageIds, by }),
        ),
      )
      return { duplicate: !changed, run }
    }),

    tell: (runId, message) =>
      Effect.flatMap(TellOperation.named(message), (named) =>
        reads.onNamed("Runs.tell", { projectId, runId }, (ref) => sendMessage({ ...named, ref })),
      ).pipe(
        // Only a fence can be lost.
        Effect.catchTag("LeaseLost", Effect.die),
      ),

    followUp: Effect.fnUntraced(function* (runId, input) {
      const messageId = yield* Ids.uuidV7
      const by = yield* Answerer
      return yield* sealing(input.resume, (resume, sealed) => {
        const own = { ...input, resume }
        const fingerprint = FollowUpRules.fingerprintOf(own)
        return reads.onNamed("Runs.followUp", { projectId, runId }, (ref) =>
          followUp({ ref, followUp: own, sealed, fingerprint, messageId, by }),
        )
      })
    }),

    complete: (runId, outcome, fence, consumed) =>
      Effect.map(
        reads.onNamed("Runs.complete", { projectId, runId }, (ref) => end({ ref, outcome, fence, consumed })),
        ({ changed, run }) => ({ completed: changed, run }),
      ),

    recordSession: Effect.fnUntraced(function* (lease, record) {
      const newId = Ids.SessionId.make(yield* Ids.uuidV7)
      // A worker that is gone has lost its lease, which the commit finds.
      const implementationKind = yield* reads.worker(lease.workerId).pipe(
        Effect.map((worker) => worker.implementationKind),
        Effect.catchTag("WorkerNotFound", () => Effect.succeed("")),
      )
      return yield* recordSession({ projectId, lease, record, implementationKind, newId })
    }),
  })
}
