/**
 * The port of leases over the commits of a store.
 *
 * @since 0.1.0
 */
import { Effect, Either, Stream, Struct } from "effect"
import { childIdOf } from "../../model/ChildEvent.js"
import type * as Ids from "../../model/Ids.js"
import type { LeaseLost } from "../../model/Run.js"
import type { ChildSubmission, Leases, SuspensionRefused } from "../../ports/Leases.js"
import { check, InvalidSubmission, type SubmissionInput } from "../../ports/Runs.js"
import * as AppendRules from "../../rules/AppendRules.js"
import * as RunTransitions from "../../rules/RunTransitions.js"
import * as WaitTransitions from "../../rules/WaitTransitions.js"
import * as AppendOperation from "./AppendOperation.js"
import * as LeaseOperations from "./LeaseOperations.js"
import * as Retry from "./Retry.js"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as SpawnOperation from "./SpawnOperation.js"
import * as SubmitRequest from "./SubmitRequest.js"
import * as TellOperation from "./TellOperation.js"

/** What a submission may say that the request of a child may not, and why. */
const notOfChild = {
  conversationId: "a child has a conversation of its own, so leave it out",
  parentRunId: "a child is of the run that spawns it, so leave it out",
  initialStatus: "a child is pending, so leave it out",
  budget: "a child has no budget of its own, so leave it out",
  multitask: "a child waits for the other runs of its lane, so leave it out",
  debounce: "a child is a step of its parent, so leave it out",
} as const

const tellsNone = new InvalidSubmission({
  field: "tellsParent",
  message:
    "tellsParent: the end of a detached child changes nothing for its parent, so leave one of the two out",
})

/** The request of a child, which a caller of another language or version may have sent as any submission. */
const ofChild = (
  submission: SubmissionInput & ChildSubmission,
  parentRunId: Ids.RunId,
): Either.Either<ChildSubmission, InvalidSubmission> => {
  const usual: Partial<SubmissionInput> = { parentRunId, initialStatus: "pending" }
  for (const field of Struct.keys(notOfChild)) {
    if (submission[field] === undefined || submission[field] === usual[field]) continue
    return Either.left(new InvalidSubmission({ field, message: `${field}: ${notOfChild[field]}` }))
  }
  return Either.right(submission)
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
  { signals }: Wakeups,
  tell: TellOperation.Tell,
): ((projectId: Ids.ProjectId) => Leases["Type"]) => {
  const renew = commits.operation(LeaseOperations.renew<X>())
  const complete = commits.operation(LeaseOperations.complete<X>())
  const release = commits.operation(LeaseOperations.ofHolder<X, LeaseLost>("Leases.release"))
  const suspend = commits.operation(
    LeaseOperations.ofHolder<X, LeaseLost | SuspensionRefused>("Leases.suspend"),
  )
  const { worker } = reads
  const spawn = commits.operation(SpawnOperation.operation<X>())
  const appendBeside = commits.operation(AppendOperation.beside<X>())
  return (projectId) => ({
    renew: (request) => renew({ projectId, request }),
    release: (lease, options = {}) =>
      release({ projectId, lease, make: (state, now) => RunTransitions.release(state, lease, options, now) }),
    complete: (lease, outcome, last, taken) =>
      complete({
        projectId,
        lease,
        outcome,
        taken,
        last: last && AppendOperation.request(projectId, { runId: lease.runId, fence: lease, ...last }),
      }),
    suspend: (lease, suspension) =>
      suspend({
        projectId,
        lease,
        make: (state, now) => WaitTransitions.suspend(state, lease, suspension, now),
      }),
    spawn: Effect.fnUntraced(function* (
      lease,
      { detached = false, submission, tellsParent = false, ...step },
    ) {
      if (detached && tellsParent) return yield* tellsNone
      const { derived: _, ...given } = yield* ofChild(submission, lease.runId)
      const checked = yield* check({
        ...given,
        parentRunId: lease.runId,
        ...(given.publicId === childIdOf(lease.runId, step.stepId) ? { derived: true } : {}),
      })
      const child = { ...checked, concurrencyKey: checked.concurrencyKey ?? null }
      // The first submission of a step stands, so another one is compared by its step alone.
      const sent = JSON.stringify([lease.runId, step.stepId, detached])
      const request = {
        ...(yield* SubmitRequest.request(projectId, child, sent)),
        lease,
        step,
        detached,
        tellsParent,
      }
      return yield* spawn(request).pipe(
        Effect.catchTag("Unseeded", ({ repeats }) =>
          Effect.flatMap(Retry.childOf(reads, repeats, request), (seed) => spawn({ ...request, seed })),
        ),
        // The request says by now what the child has.
        Effect.catchTag("Unseeded", Effect.die),
        // It makes its conversation, and leaves the runs of its lane alone.
        Effect.catchTags({
          ConversationNotFound: Effect.die,
          ConversationBusy: Effect.die,
          MessageRefused: Effect.die,
          TooManyPending: Effect.die,
        }),
        Effect.catchTag(
          "SubmissionConflict",
          ({ message }) => new InvalidSubmission({ field: "publicId", message }),
        ),
      )
    }),
    appendBeside: (lease, events) =>
      appendBeside({ projectId, lease, events, encoded: AppendRules.encodeBeside(events) }),
    tell: (lease, message) =>
      Effect.flatMap(TellOperation.named(message), (named) =>
        tell({ ...named, ref: { projectId, runId: lease.runId }, fence: lease }),
      ).pipe(
        // A run that has ended has no holder.
        Effect.catchTag("RunEnded", Effect.die),
      ),
    // Signals go to a worker by its id alone. Those of a worker of another project stay unread.
    signals: (workerId) =>
      Stream.unwrap(
        worker(workerId).pipe(
          Effect.map((found) => (found.projectId === projectId ? signals(workerId) : Stream.never)),
          Effect.catchTag("WorkerNotFound", () => Effect.succeed(Stream.never)),
        ),
      ),
  })
}
