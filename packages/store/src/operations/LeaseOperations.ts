/** What the holder of a lease does to its runs: it renews, ends, hands back or suspends them. */
import type { AuthoredOutcome } from "@runlease/core/ControlEvents"
import * as AppendRules from "@runlease/core/AppendRules"
import { childIdOf, type ChildStep, maxChildren } from "@runlease/core/ChildEvent"
import * as Fairness from "@runlease/core/Fairness"
import type * as Ids from "@runlease/core/Ids"
import {
  ChildRefused,
  type ChildSubmission,
  type Completed,
  type InboxNotEmpty,
  type Leases,
  type Renewal,
  type RenewRequest,
  type Spawned,
  type SuspensionRefused,
} from "@runlease/core/Leases"
import { type Fence, LeaseLost, type LeaseRef, type Run, RunNotFound } from "@runlease/core/Run"
import type { CursorMismatch, EventRefused } from "@runlease/core/RunLog"
import { check, InvalidSubmission, type Outcome, type SubmissionInput } from "@runlease/core/Runs"
import { Data, DateTime, Duration, Effect, Either, Function, Stream, Struct } from "effect"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import type { DetailChanges, RunKey, RunRef, StoredRun } from "../rows/RunRows.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as ChildTransitions from "../rules/ChildTransitions.js"
import { mayEnd } from "../rules/InboxTransitions.js"
import {
  budgetRootOf,
  type ChildSpec,
  lanesOf,
  type RunDetails,
  type RunState,
  toRun,
} from "../rules/RunState.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import { hasTimedOut } from "../rules/TimeRules.js"
import { holds, type Transition } from "../rules/Transition.js"
import * as WaitTransitions from "../rules/WaitTransitions.js"
import * as AppendOperation from "./AppendOperation.js"
import * as Deadlocks from "./Deadlocks.js"
import * as Retry from "./Retry.js"
import * as Submit from "./Submit.js"
import * as SubmitRequest from "./SubmitRequest.js"
import * as TellOperation from "./TellOperation.js"

/** The submission names its parent, which `lease` is of. */
interface SpawnRequest extends SubmitRequest.Request {
  readonly lease: LeaseRef
  readonly step: ChildStep
  readonly detached: boolean
  readonly tellsParent: boolean
}

/** The parent repeats run `repeats`, and the request does not say what the child has of the child of that run. Nothing was changed. */
class Unseeded extends Data.TaggedError("Unseeded")<{ readonly repeats: string }> {}

type SpawnRefusal = LeaseLost | RunNotFound | ChildRefused | Unseeded

const parentOf = ({ lease, projectId }: SpawnRequest): RunRef => ({ projectId, runId: lease.runId })

const refuse = (reason: ChildRefused["reason"], message: string) =>
  Either.left(new ChildRefused({ reason, message }))

/** The place of the next child of the run. A detached one is a root, whatever is above its parent. */
const positionOf = <X>(
  batch: RunBatch<X>,
  request: SpawnRequest,
): Either.Either<ChildSpec | null, SpawnRefusal> => {
  const parent = batch.find(parentOf(request))
  const { lease, submission } = request
  const { runId } = lease
  if (parent === undefined) return Either.left(new RunNotFound({ runId }))
  const { children, spec } = parent.state
  const depth = (spec.child?.depth ?? 0) + 1
  const index = children?.count ?? 0
  // A key with a limit is no lane.
  const lane = submission.concurrencyLimit === undefined ? (submission.concurrencyKey ?? null) : null
  return Either.flatMap(holds(parent.state, lease, batch.now), () => {
    if (request.detached) return Either.right(null)
    if (depth >= ChildTransitions.maxDepth) {
      return refuse("depth", `A tree has at most ${ChildTransitions.maxDepth} runs from its root down`)
    }
    if (index >= maxChildren) {
      return refuse("too_many", `Run ${runId} has ${maxChildren} children`)
    }
    const lanes = lanesOf(parent.state)
    if (lane !== null && lanes.includes(lane)) {
      return refuse("lane", `A run above the child has the lane ${lane}, so the child could never run`)
    }
    const budget = budgetRootOf(parent.state)
    return Either.right({
      parent: runId,
      index,
      depth,
      ...(lanes.length === 0 ? {} : { lanes }),
      ...(budget === undefined ? {} : { budget }),
      ...(request.tellsParent ? { tellsParent: true } : {}),
    })
  })
}

/** A child without a fairness key has that of its parent, since it works for the same. */
const inKeyOfParent =
  <X>(batch: RunBatch<X>) =>
  (request: SpawnRequest): SpawnRequest => {
    const parent = batch.find(parentOf(request))
    return parent === undefined || request.submission.fairnessKey !== undefined
      ? request
      : {
          ...request,
          submission: { ...request.submission, ...Fairness.fieldsOf(parent.state.spec.fairness) },
        }
  }

const spawnedOf = ({ spec }: RunState): Spawned =>
  spec.child === null ? { runId: spec.runId } : { runId: spec.runId, index: spec.child.index }

/** Spawns: a holder submits children of its run. */
const spawnOperation = <X>(): RunOperation<
  SpawnRequest,
  Spawned,
  Spawned,
  Submit.Refusal | SpawnRefusal,
  X
> => ({
  name: "Leases.spawn",
  refs: (request) => [parentOf(request)],
  decide: (requests, batch) => {
    const repeats = requests.map((request) =>
      request.seed === undefined ? batch.find(parentOf(request))?.state.log.repeats : undefined,
    )
    const seeded = requests.filter((_, index) => repeats[index] === undefined)
    return Effect.map(
      Submit.submitAll(seeded.map(inKeyOfParent(batch)), batch, {
        // Its parent works already, and could not go on.
        refusable: false,
        positionOf: (request) => positionOf(batch, request),
        accepted: (request, child) => {
          const parent = batch.find(parentOf(request))!
          const { runId, step, submission } = request
          const spawned = { ...step, runId, agentId: submission.agentId, index: child?.index }
          batch.apply(parent, ChildTransitions.spawned(parent.state, spawned, batch.now))
        },
      }),
      (verdicts) => {
        let next = 0
        return repeats.map((repeated) =>
          repeated === undefined
            ? Either.map(verdicts[next++]!, ({ state }) => spawnedOf(state))
            : Either.left(new Unseeded({ repeats: repeated })),
        )
      },
    )
  },
  answer: (spawned) => spawned,
})

// Ending a run of a commit, by its holder or by a trusted caller.

export interface Request {
  readonly ref: RunRef
  readonly outcome: AuthoredOutcome
  /** Absent for a trusted caller that holds no lease. */
  readonly fence: Fence | undefined
  /** How many messages a run has consumed, of a run that consumes messages. */
  readonly consumed?: number | undefined
}

type Refusal = RunNotFound | LeaseLost | InboxNotEmpty

const detailsOf = ({ metadata, result }: Outcome): DetailChanges => ({
  ...(metadata === undefined ? {} : { metadata }),
  ...(result === undefined ? {} : { result }),
})

/** Ends a run of the batch; false when it had ended before. */
export const end = <X>(
  batch: RunBatch<X>,
  { fence, outcome, ref, consumed }: Request,
): Either.Either<boolean, Refusal> => {
  const run = batch.find(ref)
  if (run === undefined) return Either.left(new RunNotFound({ runId: ref.runId }))
  const checked = consumed === undefined ? Either.void : mayEnd(run.state, fence, consumed, batch.now)
  if (Either.isLeft(checked)) return Either.left(checked.left)
  const ended = RunTransitions.end(run.state, fence, outcome, batch.now)
  if (Either.isLeft(ended)) {
    return ended.left._tag === "RunEnded" ? Either.right(false) : Either.left(ended.left)
  }
  const isPlain = outcome.metadata === undefined && outcome.result === undefined
  batch.apply(run, ended.right, isPlain ? undefined : detailsOf(outcome))
  return Either.right(true)
}

/** Reads the runs that the ends of these change too, all at once: the parents, and the roots whose budgets are charged. */
export const loadAbove = <X>(batch: RunBatch<X>, refs: ReadonlyArray<RunRef>): Effect.Effect<void, X> => {
  const above: Array<RunRef> = []
  for (const ref of refs) {
    const child = batch.find(ref)?.state.spec.child
    if (child == null) continue
    const { budget, parent } = child
    const { projectId } = ref
    above.push({ projectId, runId: parent })
    if (budget !== undefined && budget !== parent) above.push({ projectId, runId: budget })
  }
  return above.length === 0 ? Effect.void : batch.load(above)
}

/** Whether an operation has changed a run, and the run after it. */
export interface Decision {
  readonly changed: boolean
  readonly run: StoredRun
  readonly details: ReadonlyMap<RunKey, RunDetails>
}

/** The same for the caller. */
export interface Answer {
  readonly changed: boolean
  readonly run: Run
}

export const answer = ({ changed, details, run }: Decision): Answer => ({
  changed,
  run: toRun(run.state, details.get(run.key)!),
})

/** The details of those of these runs that exist, as they are once the commit has written. */
export const lateDetails = <X>(
  batch: RunBatch<X>,
  requests: ReadonlyArray<{ readonly ref: RunRef }>,
): ReadonlyMap<RunKey, RunDetails> =>
  batch.late(
    requests.flatMap(({ ref }) => batch.find(ref) ?? []),
    batch.rows.details,
  )

/** Ends every run that has not ended, and returns the runs. */
export const operation = <X>(): RunOperation<Request, Decision, Answer, Refusal, X> => ({
  name: "Runs.end",
  refs: ({ ref }) => [ref],
  decide: (requests, batch) =>
    Effect.suspend(() => {
      const details = lateDetails(batch, requests)
      const ended = batch.inTurn(requests, (request) =>
        Either.map(end(batch, request), (changed): Decision => ({
          changed,
          run: batch.find(request.ref)!,
          details,
        })),
      )
      return Effect.zipRight(
        loadAbove(
          batch,
          requests.map(({ ref }) => ref),
        ),
        ended,
      )
    }),
  answer,
})

interface Renew {
  readonly projectId: Ids.ProjectId
  readonly request: RenewRequest
}

const renewOne = <X>(
  { projectId, request }: Renew,
  { epoch, runId }: RenewRequest["leases"][number],
  batch: RunBatch<X>,
): Renewal => {
  const run = batch.find({ projectId, runId })
  if (run === undefined) return { _tag: "Lost", runId }
  const millis = Duration.toMillis(request.leaseDuration)
  const renewed = RunTransitions.renew(run.state, { workerId: request.workerId, epoch }, millis, batch.now)
  if (Either.isRight(renewed)) {
    batch.apply(run, renewed.right)
    const { inbox } = run.state.log
    const renewal = { _tag: "Renewed", runId, expiresAt: DateTime.unsafeMake(batch.now + millis) } as const
    return inbox === undefined ? renewal : { ...renewal, inbox }
  }
  const { left } = renewed
  const isStopped = left._tag === "RunEnded" && (left.status === "cancelled" || hasTimedOut(run.state))
  return { _tag: isStopped ? "Cancelled" : "Lost", runId }
}

const renewOperation = <X>(): RunOperation<
  Renew,
  ReadonlyArray<Renewal>,
  ReadonlyArray<Renewal>,
  never,
  X
> => ({
  name: "Leases.renew",
  refs: ({ projectId, request }) => request.leases.map(({ runId }) => ({ projectId, runId })),
  decide: (requests, batch) =>
    Effect.sync(() =>
      requests.map((renewal) =>
        Either.right(renewal.request.leases.map((lease) => renewOne(renewal, lease, batch))),
      ),
    ),
  answer: Function.identity,
})

interface Complete {
  readonly projectId: Ids.ProjectId
  readonly lease: LeaseRef
  readonly outcome: Outcome
  readonly last: AppendOperation.Request | undefined
  readonly consumed: number | undefined
}

type CompleteRefusal = LeaseLost | RunNotFound | CursorMismatch | EventRefused | InboxNotEmpty

const refs = ({ lease: { runId }, projectId }: Pick<Complete, "projectId" | "lease">) => [
  { projectId, runId },
]

/** Ends runs one after the other, each with its last events. A run whose events are refused does not end. */
const completeAll = Effect.fnUntraced(function* <X>(
  requests: ReadonlyArray<Complete>,
  batch: RunBatch<X>,
): Effect.fn.Return<ReadonlyArray<Either.Either<Completed, CompleteRefusal>>, X> {
  yield* loadAbove(batch, requests.flatMap(refs))
  const verdicts: Array<Either.Either<Completed, CompleteRefusal>> = []
  for (const { consumed, last, lease, outcome, projectId } of requests) {
    // What the end of the run before means comes first.
    yield* batch.settle
    const { runId, workerId } = lease
    const ref = { projectId, runId }
    if (last !== undefined) {
      // Nothing is appended to a run that does not end.
      const run = batch.find(ref)
      const checked =
        run === undefined || consumed === undefined
          ? Either.void
          : mayEnd(run.state, lease, consumed, batch.now)
      const appended: Either.Either<unknown, InboxNotEmpty | AppendOperation.Refusal> = Either.isLeft(checked)
        ? Either.left(checked.left)
        : yield* AppendOperation.append(batch, last)
      if (Either.isLeft(appended) && appended.left._tag !== "RunEnded") {
        const { left } = appended
        verdicts.push(Either.left(left._tag === "RunWaiting" ? new LeaseLost({ runId, workerId }) : left))
        continue
      }
    }
    const ended = end(batch, { ref, outcome, fence: lease, consumed })
    verdicts.push(Either.isLeft(ended) ? Either.left(ended.left) : Either.right({ completed: ended.right }))
  }
  yield* batch.settle
  return verdicts
})

const completeOperation = <X>(): RunOperation<Complete, Completed, Completed, CompleteRefusal, X> => ({
  name: "Leases.complete",
  refs,
  decide: completeAll,
  answer: Function.identity,
})

/** A transition that only the holder of a run may make. */
interface OfHolder<E> {
  readonly projectId: Ids.ProjectId
  readonly lease: LeaseRef
  readonly make: (state: RunState, now: number) => Either.Either<Transition, E>
}

const makeOne = <X, E>(
  { lease: { runId }, make, projectId }: OfHolder<E>,
  batch: RunBatch<X>,
): Either.Either<void, E | RunNotFound> => {
  const run = batch.find({ projectId, runId })
  if (run === undefined) return Either.left(new RunNotFound({ runId }))
  return Either.map(make(run.state, batch.now), (made) => void batch.apply(run, made))
}

export const ofHolder = <X, E>(name: string): RunOperation<OfHolder<E>, void, void, E | RunNotFound, X> => ({
  name,
  refs,
  decide: (requests, batch) =>
    Effect.tap(
      batch.inTurn(requests, (request) => makeOne(request, batch)),
      () => Deadlocks.resolve(batch, requests.flatMap(refs)),
    ),
  answer: Function.identity,
})

// The port of leases over the commits of a store.

/** What a submission may say that the request of a child may not, and why. */
const notOfChild = {
  conversationId: "a child has its own conversation, so leave it out",
  parentRunId: "a child is of the run that spawns it, so leave it out",
  initialStatus: "a child is pending, so leave it out",
  budget: "a child has no separate budget, so leave it out",
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

export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
  { signals }: Wakeups,
  sendMessage: TellOperation.Tell,
): ((projectId: Ids.ProjectId) => Omit<Leases["Type"], "callback">) => {
  const renew = commits.operation(renewOperation<X>())
  const complete = commits.operation(completeOperation<X>())
  const release = commits.operation(ofHolder<X, LeaseLost>("Leases.release"))
  const suspend = commits.operation(ofHolder<X, LeaseLost | SuspensionRefused>("Leases.suspend"))
  const { worker } = reads
  const spawn = commits.operation(spawnOperation<X>())
  const appendBeside = commits.operation(AppendOperation.unsequenced<X>())
  return (projectId) => ({
    renew: (request) => renew({ projectId, request }),
    release: (lease, options = {}) =>
      release({ projectId, lease, make: (state, now) => RunTransitions.release(state, lease, options, now) }),
    complete: (lease, outcome, last, consumed) =>
      complete({
        projectId,
        lease,
        outcome,
        consumed,
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
      const { derived: _, ...fields } = yield* ofChild(submission, lease.runId)
      const checked = yield* check({
        ...fields,
        parentRunId: lease.runId,
        ...(fields.publicId === childIdOf(lease.runId, step.stepId) ? { derived: true } : {}),
      })
      const child = { ...checked, concurrencyKey: checked.concurrencyKey ?? null }
      // The first submission of a step remains, so another one is compared by its step alone.
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
        sendMessage({ ...named, ref: { projectId, runId: lease.runId }, fence: lease }),
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
