/**
 * The queue of a store: requests that arrive while a commit is in flight share the next commit.
 *
 * A commit finds what its operations need, lets each of them decide, writes, and answers.
 *
 * Source: docs/decisions/0004-shared-commits.md
 *
 * @since 0.1.0
 */
import { Array, Cause, Clock, Data, Effect, Either, Exit, Option, type Scope } from "effect"
import * as Meter from "../../model/Meter.js"
import { closed as unavailable, type ControlPlaneUnavailable } from "../../ports/ControlPlaneUnavailable.js"
import * as BatchQueue from "./BatchQueue.js"
import { inOrder } from "../rows/InOrder.js"
import * as StoreMetrics from "./StoreMetrics.js"
import type { RunRef } from "../rows/RunRows.js"

/**
 * One sort of request. A commit calls `decide` once, with all its requests of this sort; a refusal is a verdict (a Left),
 * whereas a failure undoes the whole commit.
 *
 * The commit finds the runs that `refs` names, and what `probes` looks for, for all of its operations together and before
 * any of them decides. `answer` runs after the commit has succeeded. `abandoned` runs for an answer whose caller was
 * interrupted while the commit was in flight.
 *
 * @since 0.1.0
 * @category models
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

/**
 * @since 0.1.0
 * @category models
 */
export interface CommitQueue<Probe, Batch, X> {
  /**
   * Makes the function that sends one request and returns its verdict.
   *
   * A caller that is interrupted before its request is in a commit takes it back; after that the request stands and the
   * caller does not wait for it.
   */
  readonly operation: <Request, Decision, A, E = never>(
    operation: Operation<Request, Decision, A, E, Probe, Batch, X>,
  ) => (request: Request) => Effect.Effect<A, E | ControlPlaneUnavailable>
}

/**
 * What a commit is on one store.
 *
 * @since 0.1.0
 * @category models
 */
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

/** The requests of one operation within one commit. */
interface Part<Probe, Batch, X> {
  readonly refs: () => ReadonlyArray<RunRef>
  readonly probes: () => ReadonlyArray<Probe>
  /** What it returns gives each request its verdict. */
  readonly decide: (batch: Batch) => Effect.Effect<() => void, X>
}

/** An operation without its types. */
interface Sort<Probe, Batch, X> {
  readonly name: string
  /** The requests that have entered since the last part. */
  readonly part: () => Part<Probe, Batch, X>
}

/** A request without its types: it keeps its own verdict. */
interface Item<Probe, Batch, X> {
  readonly sort: Sort<Probe, Batch, X>
  /** Enters the next part of its operation. */
  readonly enter: () => void
  readonly fail: (cause: Cause.Cause<ControlPlaneUnavailable>) => void
  /** Gives the caller the verdict. */
  readonly resume: () => void
  readonly abandoned: () => Effect.Effect<void>
}

/** A request from its caller to its verdict. */
interface Entry<Request, A, E> {
  readonly request: Request
  verdict: Either.Either<A, E> | Exit.Exit<never, ControlPlaneUnavailable> | undefined
}

/** `nanos` is how long the commit took. */
const measure = (requests: number, nanos: bigint): void => {
  StoreMetrics.commits.add(1)
  StoreMetrics.commitRequests.add(requests)
  StoreMetrics.commitTime.add(Number(nanos) / 1e9)
}

const makeSort = <Request, Decision, A, E, Probe, Batch, X>(
  operation: Operation<Request, Decision, A, E, Probe, Batch, X>,
) => {
  type Entries = Array<Entry<Request, A, E>>
  const { answer, decide, name, probes, refs } = operation
  let entered: Entries = []

  const part = (entries: Entries): Part<Probe, Batch, X> => {
    const requests = entries.map(({ request }) => request)
    return {
      refs: () => (refs === undefined ? [] : requests.flatMap(refs)),
      probes: () => (probes === undefined ? [] : requests.flatMap(probes)),
      decide: (batch) =>
        Array.isNonEmptyArray(requests)
          ? Effect.map(decide(requests, batch), (decisions) => () => {
              for (const [index, entry] of entries.entries()) {
                entry.verdict = Either.map(decisions[index]!, (decision) => answer(decision, batch))
              }
            })
          : Effect.succeed(() => {}),
    }
  }

  const sort: Sort<Probe, Batch, X> = {
    name,
    part: () => {
      const entries = entered
      entered = []
      return part(entries)
    },
  }
  return { sort, enter: (entry: Entry<Request, A, E>) => void entered.push(entry) }
}

/**
 * Makes a queue that commits until the Scope closes. Closing fails the requests that wait with `ControlPlaneUnavailable`;
 * the commit in flight is finished.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Probe, Batch, X>(
  options: Options<Probe, Batch, X>,
): Effect.Effect<CommitQueue<Probe, Batch, X>, never, Scope.Scope> =>
  Effect.gen(function* () {
    type Request = Item<Probe, Batch, X>
    const maxBatch = options.maxBatch ?? 256
    const isolates = options.isolates ?? (() => true)
    const scope = yield* Effect.scope
    yield* Meter.register(StoreMetrics.all)

    const commit = (items: ReadonlyArray<Request>): Effect.Effect<BatchQueue.Sent<Request>, Undone<X>> => {
      let begun = false
      let current: Batch | undefined
      const undo = () => {
        if (current !== undefined) options.undone?.(current)
        current = undefined
      }
      const bodySince = (since: bigint) =>
        Effect.suspend(() => {
          begun = true
          undo()
          for (const item of items) item.enter()
          const parts = Array.fromIterable(new Set(items.map(({ sort }) => sort))).map((sort) => sort.part())
          return Effect.flatMap(
            options.begin(
              parts.flatMap((part) => part.refs()),
              parts.flatMap((part) => part.probes()),
              since,
            ),
            (batch) => {
              current = batch
              return Effect.flatMap(
                inOrder(parts, (part) => part.decide(batch)),
                (answers) => Effect.as(options.finish(batch), { answers, batch }),
              )
            },
          )
        })
      let begunAt = 0n
      const transaction = Effect.flatMap(Clock.currentTimeNanos, (since) => {
        begunAt = since
        return options.transact(bodySince(since))
      })
      return Effect.matchCauseEffect(transaction, {
        onSuccess: ({ answers, batch }) =>
          Effect.clockWith((clock) => {
            measure(items.length, clock.unsafeCurrentTimeNanos() - begunAt)
            for (const answer of answers) answer()
            return Effect.succeed({ verdicts: items, after: options.after(batch) })
          }),
        // A transaction that did not begin was not failed by a request.
        onFailure: (failure) => {
          StoreMetrics.commitFailures.add(1)
          undo()
          return new Undone({
            failure,
            isolates: begun && !Option.exists(Cause.failureOption(failure), (error) => !isolates(error)),
          })
        },
      })
    }

    const failed = (item: Request, cause: Cause.Cause<Undone<X>> | "closed"): Request => {
      const { name } = item.sort
      item.fail(
        cause === "closed"
          ? Cause.fail(unavailable(name))
          : Cause.flatMap(cause, ({ failure }) =>
              Cause.map(failure, (error) => options.unavailable(name, error)),
            ),
      )
      return item
    }

    const queue = yield* BatchQueue.make<Request, Request, Undone<X>>({
      send: commit,
      fitting: () => maxBatch,
      inFlight: 1,
      gather: options.gather ?? Effect.yieldNow(),
      isolates: (undone) => undone.isolates,
      cut: false,
      failed,
      abandoned: (item) => item.abandoned(),
    })

    return {
      operation: <Request, Decision, A, E>(
        operation: Operation<Request, Decision, A, E, Probe, Batch, X>,
      ) => {
        const { enter, sort } = makeSort(operation)
        const { abandoned } = operation
        return (request: Request) =>
          Effect.async<A, E | ControlPlaneUnavailable>((resume) => {
            const entry: Entry<Request, A, E> = { request, verdict: undefined }
            const item: Item<Probe, Batch, X> = {
              sort,
              enter: () => enter(entry),
              fail: (cause) => {
                entry.verdict = Exit.failCause(cause)
              },
              resume: () => resume(entry.verdict!),
              abandoned: () =>
                abandoned !== undefined && entry.verdict?._tag === "Right"
                  ? Effect.asVoid(Effect.forkIn(abandoned(request, entry.verdict.right), scope))
                  : Effect.void,
            }
            return queue.add(item, (settled) => settled.resume())
          })
      },
    }
  })
