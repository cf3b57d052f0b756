/**
 * The commits of a store: requests that arrive while a commit is in flight share the next one.
 *
 * A commit reads what its operations need, lets each of them decide, writes, and answers.
 *
 * Source: docs/decisions/0004-shared-commits.md
 */
import * as BatchQueue from "@runlease/core/BatchQueue"
import { closed, type ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Meter from "@runlease/core/Meter"
import { Array, Cause, Data, Effect, Either, Exit, Option, type Scope } from "effect"
import type { Found, RunRef, RunRows, StoredRun } from "../rows/RunRows.js"
import type { RunStore } from "../rows/RunStore.js"
import * as ClaimSearch from "./ClaimSearch.js"
import * as WaitingClaims from "./WaitingClaims.js"
import * as RememberedLeases from "./RememberedLeases.js"
import * as RunBatch from "./RunBatch.js"
import * as StoreMetrics from "./StoreMetrics.js"
import * as WebhookProjects from "../traits/WebhookProjects.js"
import { logKey, type Wakeups } from "./Wakeups.js"

/**
 * One sort of request. A commit calls `decide` once, with all its requests of this sort; a refusal is a verdict (a Left),
 * whereas a failure undoes the whole commit.
 *
 * The commit finds the runs that `refs` names, and what `probes` looks for, for all of its operations together and before
 * any of them decides. `answer` runs after the commit has succeeded. `abandoned` runs for an answer whose caller was
 * interrupted while the commit was in flight.
 */
export interface Operation<in Request, in out Decision, in out A, out E, out Probe, in Batch, out X> {
  readonly name: string
  readonly refs?: ((request: Request) => ReadonlyArray<RunRef>) | undefined
  readonly probes?: ((request: Request) => ReadonlyArray<Probe>) | undefined
  readonly decide: (
    requests: Array.NonEmptyReadonlyArray<Request>,
    batch: Batch,
  ) => Effect.Effect<ReadonlyArray<Either.Either<Decision, E>>, X>
  readonly answer: (decision: Decision, batch: Batch) => A
  readonly abandoned?: ((request: Request, answer: A) => Effect.Effect<void>) | undefined
}

export interface CommitQueue<Probe, Batch, X> {
  /**
   * Makes the function that sends one request and returns its verdict.
   *
   * A caller that is interrupted before its request is in a commit takes it back; after that the request remains and the
   * caller does not wait for it.
   */
  readonly operation: <Request, Decision, A, E = never>(
    operation: Operation<Request, Decision, A, E, Probe, Batch, X>,
  ) => (request: Request) => Effect.Effect<A, E | ControlPlaneUnavailable>

  /** How many requests have entered commits so far. */
  readonly requestCount: () => number

  /** Whether a request waits, or a commit is in flight. */
  readonly isBusy: () => boolean
}

/** What a commit is on one store. */
export interface Options<Probe, Batch, X> {
  /** Runs an effect as one transaction, perhaps more than once. */
  readonly transact: <A>(effect: Effect.Effect<A, X>) => Effect.Effect<A, X>
  /**
   * Finds what the operations need, and begins the batch that they decide on. `since` is the monotonic time in nanoseconds
   * before the transaction began.
   */
  readonly begin: (
    refs: ReadonlyArray<RunRef>,
    probes: ReadonlyArray<Probe>,
    since: bigint,
  ) => Effect.Effect<Batch, X>
  /** Writes what the operations have decided, as the last thing of the transaction. */
  readonly finish: (batch: Batch) => Effect.Effect<void, X>
  /** Runs once the commit has succeeded and its callers have their verdicts. */
  readonly after: (batch: Batch) => Effect.Effect<void>
  /** Runs for a batch whose transaction has failed, or is repeated with another batch. */
  readonly undone?: ((batch: Batch) => void) | undefined
  /** The error that callers get for a failure of the transaction. */
  readonly unavailable: (operation: string, failure: X) => ControlPlaneUnavailable
  /** The largest number of requests in one commit, 256 when absent; the rest wait for the next one. */
  readonly maxBatch?: number | undefined
  /** Runs before a commit takes its requests: one turn of the scheduler when absent. */
  readonly gather?: Effect.Effect<void> | undefined
  /**
   * Whether one request may have caused a failure, so that each of them is tried alone: always, when absent. It must be
   * false where the transaction may have been committed after all.
   */
  readonly isolates?: ((failure: X) => boolean) | undefined
}

/** A commit that was undone. */
class Undone<X> extends Data.Error<{
  readonly failure: Cause.Cause<X>
  /** Whether one request may have caused it. */
  readonly isolates: boolean
}> {}

type Verdict<A, E> = Either.Either<A, E> | Exit.Exit<never, ControlPlaneUnavailable>

/** A request of any operation, whose types are those of its operation. */
interface AnyRequest<Probe, Batch, X> {
  readonly operation: Operation<unknown, unknown, unknown, unknown, Probe, Batch, X>
  readonly request: unknown
}

/** The requests of one operation within one commit, and their places among all requests of the commit. */
interface Part<Probe, Batch, X> extends Pick<AnyRequest<Probe, Batch, X>, "operation"> {
  readonly requests: Array.NonEmptyArray<unknown>
  readonly places: Array<number>
}

const partsOf = <Probe, Batch, X>(
  all: ReadonlyArray<AnyRequest<Probe, Batch, X>>,
): ReadonlyArray<Part<Probe, Batch, X>> => {
  const parts = new Map<unknown, Part<Probe, Batch, X>>()
  for (const [place, { operation, request }] of all.entries()) {
    const part = parts.get(operation)
    if (part === undefined) parts.set(operation, { operation, requests: [request], places: [place] })
    else {
      part.requests.push(request)
      part.places.push(place)
    }
  }
  return [...parts.values()]
}

/**
 * Makes a queue that commits until the Scope closes. Closing fails the requests that wait with `ControlPlaneUnavailable`;
 * the commit in flight is finished.
 */
export const makeQueue = <Probe, Batch, X>(
  options: Options<Probe, Batch, X>,
): Effect.Effect<CommitQueue<Probe, Batch, X>, never, Scope.Scope> =>
  Effect.gen(function* () {
    type Request = AnyRequest<Probe, Batch, X>
    type AnyVerdict = Verdict<unknown, unknown>
    const { gather = Effect.yieldNow(), isolates = () => true, maxBatch = 256 } = options
    let requestCount = 0
    const scope = yield* Effect.scope
    yield* Meter.register(StoreMetrics.all)

    /** Reads, decides, writes and answers. The transaction may be repeated, and then it begins anew. */
    const commit = Effect.fnUntraced(function* (requests: ReadonlyArray<Request>) {
      const parts = partsOf(requests)
      requestCount += requests.length
      const clock = yield* Effect.clock
      const begunAt = clock.unsafeCurrentTimeNanos()
      let begun = false
      let current: Batch | undefined
      const undo = () => {
        if (current !== undefined) options.undone?.(current)
        current = undefined
      }

      const transaction = Effect.gen(function* () {
        begun = true
        if (current !== undefined) undo()
        const refs: Array<RunRef> = []
        const probes: Array<Probe> = []
        for (const { operation, requests: own } of parts) {
          if (operation.refs !== undefined) refs.push(...own.flatMap(operation.refs))
          if (operation.probes !== undefined) probes.push(...own.flatMap(operation.probes))
        }
        const batch = yield* options.begin(refs, probes, begunAt)
        current = batch
        const decisions: Array<ReadonlyArray<Either.Either<unknown, unknown>>> = []
        for (const { operation, requests: own } of parts) decisions.push(yield* operation.decide(own, batch))
        yield* options.finish(batch)
        return { batch, decisions }
      })

      const exit = yield* Effect.exit(options.transact(transaction))
      if (Exit.isFailure(exit)) {
        StoreMetrics.commitFailures.add(1)
        undo()
        const spared = Option.exists(Cause.failureOption(exit.cause), (error) => !isolates(error))
        // A transaction that did not begin was not failed by a request.
        return yield* new Undone<X>({ failure: exit.cause, isolates: begun && !spared })
      }
      StoreMetrics.commits.add(1)
      StoreMetrics.commitRequests.add(requests.length)
      StoreMetrics.commitTime.add(Number(clock.unsafeCurrentTimeNanos() - begunAt) / 1e9)

      const { batch, decisions } = exit.value
      const verdicts: Array<AnyVerdict> = []
      for (const [of, { operation, places }] of parts.entries()) {
        for (const [index, place] of places.entries()) {
          const decision = decisions[of]![index]!
          verdicts[place] = Either.isRight(decision)
            ? Either.right(operation.answer(decision.right, batch))
            : decision
        }
      }
      return { verdicts, after: options.after(batch) }
    })

    const queue = yield* BatchQueue.make<Request, AnyVerdict, Undone<X>>({
      send: commit,
      fitting: () => maxBatch,
      inFlight: 1,
      gather,
      isolates: (undone) => undone.isolates,
      cut: false,
      failed: ({ operation: { name } }, cause) =>
        Exit.failCause(
          cause === "closed"
            ? Cause.fail(closed(name))
            : Cause.flatMap(cause, ({ failure }) =>
                Cause.map(failure, (error) => options.unavailable(name, error)),
              ),
        ),
      abandoned: ({ operation: { abandoned }, request }, verdict) =>
        abandoned !== undefined && verdict._tag === "Right"
          ? Effect.asVoid(Effect.forkIn(abandoned(request, verdict.right), scope))
          : Effect.void,
    })

    return {
      requestCount: () => requestCount,
      isBusy: queue.isBusy,
      operation: <Request, Decision, A, E>(
        operation: Operation<Request, Decision, A, E, Probe, Batch, X>,
      ) => {
        // The queue passes the requests of an operation to that operation alone, and its verdicts to their callers.
        const any = operation as unknown as AnyRequest<Probe, Batch, X>["operation"]
        return (request: Request) =>
          Effect.async<A, E | ControlPlaneUnavailable>((resume) =>
            queue.add({ operation: any, request }, resume as (verdict: AnyVerdict) => void),
          )
      },
    }
  })

/** One sort of request about runs. Its probes are claims. */
export type RunOperation<Request, Decision, A, E, X> = Operation<
  Request,
  Decision,
  A,
  E,
  ClaimSearch.Request,
  RunBatch.RunBatch<X>,
  X
>

/** The queue of a store of runs. `limitsSeen`: what this process has read last of limits that no submission names. */
export interface RunCommits<X> extends CommitQueue<ClaimSearch.Request, RunBatch.RunBatch<X>, X> {
  readonly limitsSeen: RunBatch.LimitsSeen
  /** The projects that may have endpoints of webhooks. */
  readonly webhookProjects: WebhookProjects.WebhookProjects
  /** The projects that may have rollouts. */
  readonly rolloutProjects: Set<string>
}

/**
 * Begins the batch of a commit: reads the runs that it names and does not remember, and searches for those that its claims may take. `since`
 * is the monotonic time in nanoseconds before its instant.
 *
 * When claims wait, it also reads what is due: runs are handed to them only when time makes no other run runnable.
 */
const beginning = <X>(
  rows: RunRows<X>,
  wakeups: Wakeups,
  memory: RunBatch.Memory,
): Options<ClaimSearch.Request, RunBatch.RunBatch<X>, X>["begin"] =>
  Effect.fnUntraced(function* (refs, claims, since): Effect.fn.Return<RunBatch.RunBatch<X>, X> {
    const remembered = new Map<string, StoredRun>()
    const unknown: Array<RunRef> = []
    for (const ref of refs) {
      const run = memory.leases.find(ref)
      if (run === undefined) unknown.push(ref)
      else remembered.set(logKey(ref), run)
    }
    let plan = claims.length === 0 ? undefined : ClaimSearch.plan(claims, memory.pinned)
    const { additions } = memory.limitsSeen
    const wanted = plan?.search ?? (wakeups.claims.someWait() ? ClaimSearch.nothing : undefined)

    const read: { runs: ReadonlyArray<StoredRun>; found: Found | undefined } = {
      runs: [],
      found: undefined,
    }
    const reads: Array<Effect.Effect<void, X>> = []
    if (unknown.length > 0) reads.push(Effect.map(rows.find(unknown), (runs) => void (read.runs = runs)))
    if (wanted !== undefined) {
      reads.push(Effect.map(rows.search(wanted), (found) => void (read.found = found)))
    }
    if (reads.length > 0) yield* rows.together(reads)
    // The first statements do not wait for the instant, which the beginning of the transaction returns.
    const now = yield* rows.now

    // The first run that is pinned since the last search: only now are the routes of a version looked at.
    if (plan !== undefined && read.found?.pinned === true && !memory.pinned) {
      plan = ClaimSearch.plan(claims, true)
      read.found = yield* rows.search(plan.search)
    }
    const { found, runs } = read
    if (found !== undefined) memory.pinned = found.pinned
    if (found !== undefined) RunBatch.noteLimits(memory.limitsSeen, additions, found.scopedLimits)
    return RunBatch.make(rows, wakeups, memory, {
      now,
      runs,
      remembered: [...remembered.values()],
      search: plan === undefined || found === undefined ? undefined : { plan, found },
      handOver:
        found?.due.length === 0
          ? WaitingClaims.handOver(wakeups.claims, rows, { now, since })
          : WaitingClaims.noHandOver,
    })
  })

export const make = <X>(
  { gather, isolates, rows, transact, unavailable }: RunStore<X>,
  wakeups: Wakeups,
): Effect.Effect<RunCommits<X>, never, Scope.Scope> =>
  Effect.flatMap(RememberedLeases.Maker, (makeRemembered) => {
    const memory: RunBatch.Memory = {
      leases: makeRemembered(),
      limitsSeen: RunBatch.noLimitsSeen(),
      webhookProjects: WebhookProjects.make(),
      rolloutProjects: new Set(),
      routes: undefined,
      pinned: false,
    }
    const queue = makeQueue<ClaimSearch.Request, RunBatch.RunBatch<X>, X>({
      transact,
      begin: beginning(rows, wakeups, memory),
      finish: ({ finish }) => finish,
      after: ({ after, remember }) => {
        remember()
        return after
      },
      undone: ({ undo }) => undo(),
      gather,
      isolates,
      unavailable,
    })
    const { limitsSeen, rolloutProjects, webhookProjects } = memory
    return Effect.map(queue, (commits) => ({ ...commits, limitsSeen, rolloutProjects, webhookProjects }))
  })
