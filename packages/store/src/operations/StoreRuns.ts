/** The port of runs over a store: what changes runs goes into its commits, and what reads them does not. */
import * as Ids from "@runlease/core/Ids"
import * as RunLabels from "@runlease/core/RunLabels"
import {
  check,
  checkCount,
  maxSubmissions,
  requestText,
  type Runs,
  type Submission,
  submitChecked,
  type SubmissionInput,
} from "@runlease/core/Runs"
import { Array, Effect, Either } from "effect"
import * as FollowUpRules from "../rules/FollowUpRules.js"
import type { RunCommits } from "../commit/RunCommits.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as Carried from "./Carried.js"
import * as LeaseOperations from "./LeaseOperations.js"
import * as Fork from "./Fork.js"
import * as LabelOperation from "./LabelOperation.js"
import * as RunList from "./RunList.js"
import * as Retry from "./Retry.js"
import * as ResumeOperation from "./ResumeOperation.js"
import * as SessionOperation from "./SessionOperation.js"
import * as Submit from "./Submit.js"
import * as SubmitRequest from "./SubmitRequest.js"
import * as TellOperation from "./TellOperation.js"

export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
  sendMessage: TellOperation.Tell,
): ((projectId: Ids.ProjectId) => Runs["Type"]) => {
  const submit = commits.operation(Submit.operation<X>())
  const submitTogether = commits.operation(Submit.many<X>())
  const end = commits.operation(LeaseOperations.operation<X>())
  const resume = commits.operation(ResumeOperation.resume<X>())
  const followUp = commits.operation(ResumeOperation.followUp<X>())
  const label = commits.operation(LabelOperation.operation<X>())
  const recordSession = commits.operation(SessionOperation.operation<X>())

  const requestOf = (projectId: Ids.ProjectId, submission: Submission, textOf = requestText) =>
    // Nothing can be compared with a submission that has no name.
    SubmitRequest.request(projectId, submission, submission.publicId === undefined ? "" : textOf(submission))

  const submitTo = (
    projectId: Ids.ProjectId,
    seed: SubmitRequest.Seed = SubmitRequest.unseeded,
    textOf = requestText,
  ) =>
    submitChecked(
      Effect.fnUntraced(function* (submission) {
        return yield* submit({ ...(yield* requestOf(projectId, submission, textOf)), seed })
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
    fork: Fork.make(reads, projectId, (seed) => submitTo(projectId, seed)),

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
      return yield* reads.read("Runs.list", (rows) => RunList.page(rows, projectId, options, place))
    }),

    cancel: (runId) =>
      reads
        .onNamed("Runs.cancel", { projectId, runId }, (ref) =>
          end({ ref, outcome: { status: "cancelled" }, fence: undefined }),
        )
        .pipe(
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
      const { changed, run } = yield* reads.onNamed("Runs.resume", { projectId, runId }, (ref) =>
        resume({ ref, answers, messageIds }),
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
      const fingerprint = FollowUpRules.fingerprintOf(input)
      return yield* reads.onNamed("Runs.followUp", { projectId, runId }, (ref) =>
        followUp({ ref, followUp: input, fingerprint, messageId }),
      )
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
