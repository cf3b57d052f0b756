/**
 * The ports about runs, over a store that implements rows.
 *
 * Source: docs/decisions/0039-a-store-implements-rows.md
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, type Scope } from "effect"
import * as Ids from "../../model/Ids.js"
import { keysOf } from "../../model/Page.js"
import { EventId, RunNotFound } from "../../model/Run.js"
import { Claims } from "../../ports/Claims.js"
import { Leases } from "../../ports/Leases.js"
import {
  defaultReadLimit,
  followWith,
  maxFollowBytes,
  maxReadBytes,
  maxReadLimit,
  RunLog,
} from "../../ports/RunLog.js"
import { requestText, Runs, submitChecked } from "../../ports/Runs.js"
import { WorkerNotFound } from "../../ports/WorkerRegistry.js"
import * as FollowUpRules from "../../rules/FollowUpRules.js"
import * as AppendOperation from "./AppendOperation.js"
import * as ClaimOperation from "./ClaimOperation.js"
import * as ClaimSearch from "../commit/ClaimSearch.js"
import * as EndOperation from "./EndOperation.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import * as LeasePort from "./LeasePort.js"
import * as Fork from "./Fork.js"
import type { LogEvent } from "../../model/AgentEvent.js"
import * as LogFilter from "../../ports/LogFilter.js"
import * as LogTails from "../log/LogTails.js"
import * as LongPoll from "../commit/LongPoll.js"
import * as ResumeOperation from "./ResumeOperation.js"
import * as Retry from "./Retry.js"
import type { RunCommits } from "../commit/RunCommits.js"
import type { RunStore } from "../rows/RunStore.js"
import * as SessionOperation from "./SessionOperation.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as SubmitOperation from "./SubmitOperation.js"
import * as TellOperation from "./TellOperation.js"
import * as WorkerSignals from "./WorkerSignals.js"
import type { Wakeups } from "../commit/Wakeups.js"

type OfProject<A> = (projectId: Ids.ProjectId) => A

const makeClaims = <X>(
  commits: RunCommits<X>,
  { worker }: StoreReads.StoreReads<X>,
  wakeups: Wakeups,
  scope: Scope.Scope,
): OfProject<Claims["Type"]> => {
  const handBack = commits.operation(ClaimOperation.handBack())
  const claimNow = commits.operation(ClaimOperation.claim(handBack))
  return (projectId) => ({
    claim: (request) =>
      Effect.flatMap(worker(request.workerId), (identity): ReturnType<Claims["Type"]["claim"]> => {
        if (identity.projectId !== projectId) return new WorkerNotFound({ workerId: request.workerId })
        const claim = ClaimSearch.request(identity, request)
        return LongPoll.claimWithin({
          claimNow: Effect.flatMap(claimNow(claim), ({ runs, withheld }) =>
            withheld.length === 0
              ? Effect.succeed(runs)
              : Effect.as(Effect.ignoreLogged(handBack({ request: claim, taken: withheld })), runs),
          ),
          wait: (claim.limit > claim.ahead && request.wait) || Duration.zero,
          join: wakeups.claims.join(ClaimSearch.held(claim), (taken) =>
            // The commit that hands runs over does not wait for another one, nor does a claim whose caller has gone.
            Effect.asVoid(Effect.forkIn(Effect.ignoreLogged(handBack({ request: claim, taken })), scope)),
          ),
        })
      }),
  })
}

const makeRunLog = <X>(
  commits: RunCommits<X>,
  reads: StoreReads.StoreReads<X>,
  wakeups: Wakeups,
): Effect.Effect<OfProject<RunLog["Type"]>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const append = commits.operation(AppendOperation.operation<X>())
    const tails = yield* LogTails.make({
      wakeups,
      read: (ref, after) =>
        Effect.flatMap(
          reads.read("RunLog.follow", ({ log }) =>
            log(ref, after, { entries: maxReadLimit, bytes: maxFollowBytes }),
          ),
          (page) => (page === undefined ? new RunNotFound({ runId: ref.runId }) : Effect.succeed(page)),
        ),
    })

    /** A tail reads the log by the run's own id. */
    const readerOf =
      (projectId: Ids.ProjectId): RunLog["Type"]["reader"] =>
      ({ runId }) =>
        Effect.flatMap(
          reads.named("RunLog.follow", { projectId, runId }, ({ run }, ref) =>
            Effect.map(run(ref), (found) => found && ref),
          ),
          tails.reader,
        )

    return (projectId) => ({
      append: (request) => append(AppendOperation.request(projectId, request)),

      read: ({ after = EventId.make(0), limit = defaultReadLimit, only, runId, ...filter }) => {
        const most = Math.min(Math.max(1, limit), maxReadLimit)
        const page = (entries: number) => (from: EventId) =>
          Effect.map(
            reads.named("RunLog.read", { projectId, runId }, ({ log }, ref) =>
              log(ref, from, { entries, bytes: maxReadBytes, only }),
            ),
            (found) => found.entries,
          )
        const matches = LogFilter.predicate(filter)
        return matches === undefined
          ? page(most)(after)
          : LogFilter.read(page(maxReadLimit), { after, limit: most, matches })
      },

      follow: ({ after, runId }) => followWith(readerOf(projectId)({ runId }), after),

      reader: readerOf(projectId),
    })
  })

const makeRuns = <X>(
  commits: RunCommits<X>,
  reads: StoreReads.StoreReads<X>,
  tell: TellOperation.Tell,
): OfProject<Runs["Type"]> => {
  const submit = commits.operation(SubmitOperation.operation<X>())
  const end = commits.operation(EndOperation.operation<X>())
  const resume = commits.operation(ResumeOperation.resume<X>())
  const followUp = commits.operation(ResumeOperation.followUp<X>())
  const recordSession = commits.operation(SessionOperation.operation<X>())

  const submitTo = (projectId: Ids.ProjectId, seed: ReadonlyArray<LogEvent> = []) =>
    submitChecked(
      Effect.fnUntraced(function* (submission) {
        // Nothing can be compared with a submission that has no name.
        const sent = submission.publicId === undefined ? "" : requestText(submission)
        return yield* submit({ ...(yield* SubmitOperation.request(projectId, submission, sent)), seed })
      }),
    )

  return (projectId) => ({
    submit: submitTo(projectId),

    retry: Retry.make(reads, projectId, submitTo(projectId)),
    fork: Fork.make(reads, projectId, (seed) => submitTo(projectId, seed)),

    get: (runId) => reads.named("Runs.get", { projectId, runId }, ({ run }, ref) => run(ref)),

    snapshot: (runId) =>
      reads.named("Runs.snapshot", { projectId, runId }, ({ snapshot }, ref) => snapshot(ref)),

    inputs: (runId) => reads.read("Runs.inputs", ({ inputs }) => inputs({ projectId, runId })),

    list: Effect.fnUntraced(function* (options = {}) {
      const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(options.cursor, [Number.MAX_SAFE_INTEGER])
      const limit = KeysetPage.limitOf(options)
      const found = yield* reads.read("Runs.list", ({ list }) => list(projectId, options, { before, limit }))
      return KeysetPage.pageWith(
        found,
        ({ key }) => [key],
        ({ run }) => run,
      )
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

    resume: Effect.fnUntraced(function* (runId, answers) {
      const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
      const { changed, run } = yield* reads.onNamed("Runs.resume", { projectId, runId }, (ref) =>
        resume({ ref, answers, messageIds }),
      )
      return { duplicate: !changed, run }
    }),

    tell: (runId, message) =>
      Effect.flatMap(TellOperation.named(message), (named) =>
        reads.onNamed("Runs.tell", { projectId, runId }, (ref) => tell({ ...named, ref })),
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

    complete: (runId, outcome, fence, taken) =>
      Effect.map(
        reads.onNamed("Runs.complete", { projectId, runId }, (ref) => end({ ref, outcome, fence, taken })),
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

/**
 * The ports about runs of any project. Logs are followed until the Scope closes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
): Effect.Effect<OfProject<Context.Context<Claims | Leases | RunLog | Runs>>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const reads = yield* StoreReads.make(store)
    const claims = makeClaims(commits, reads, wakeups, yield* Effect.scope)
    const tell = TellOperation.make(commits)
    const leases = LeasePort.make(commits, tell)
    const signals = WorkerSignals.make(reads, wakeups)
    const runLog = yield* makeRunLog(commits, reads, wakeups)
    const runs = makeRuns(commits, reads, tell)
    return (projectId) =>
      Context.make(Claims, claims(projectId)).pipe(
        Context.add(Leases, { ...leases(projectId), signals: signals(projectId) }),
        Context.add(RunLog, runLog(projectId)),
        Context.add(Runs, runs(projectId)),
      )
  })
