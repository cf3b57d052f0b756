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

  /** How many requests commits have taken so far. */
  readonly taken: () => number

  /** Whether a request waits, or a commit is in flight. */
  readonly isBusy: () => boolean
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

/** `nanos` is how long the commit took. */
const measure = (requests: number, nanos: bigint): void => {
  StoreMetrics.commits.add(1)
  StoreMetrics.commitRequests.add(requests)
  StoreMetrics.commitTime.add(Number(nanos) / 1e9)
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
    type Request = AnyRequest<Probe, Batch, X>
    type AnyVerdict = Verdict<unknown, unknown>
    const maxBatch = options.maxBatch ?? 256
    const isolates = options.isolates ?? (() => true)
    let taken = 0
    const scope = yield* Effect.scope
    yield* Meter.register(StoreMetrics.all)

    const commit = (
      requests: ReadonlyArray<Request>,
    ): Effect.Effect<BatchQueue.Sent<AnyVerdict>, Undone<X>> => {
      const parts = partsOf(requests)
      taken += requests.length
      let begun = false
      let begunAt = 0n
      let current: Batch | undefined
      const undo = () => {
        if (current !== undefined) options.undone?.(current)
        current = undefined
      }
      const bodySince = (since: bigint) =>
        Effect.suspend(() => {
          begun = true
          undo()
          return Effect.flatMap(
            options.begin(
              parts.flatMap(({ operation: { refs }, requests: own }) => (refs ? own.flatMap(refs) : [])),
              parts.flatMap(({ operation: { probes }, requests: own }) =>
                probes ? own.flatMap(probes) : [],
              ),
              since,
            ),
            (batch) => {
              current = batch
              return Effect.flatMap(
                inOrder(parts, ({ operation, requests: own }) => operation.decide(own, batch)),
                (decisions) => Effect.as(options.finish(batch), { batch, decisions }),
              )
            },
          )
        })
      const transaction = Effect.flatMap(Clock.currentTimeNanos, (since) => {
        begunAt = since
        return options.transact(bodySince(since))
      })
      return Effect.matchCauseEffect(transaction, {
        onSuccess: ({ batch, decisions }) =>
          Effect.clockWith((clock) => {
            measure(requests.length, clock.unsafeCurrentTimeNanos() - begunAt)
            const verdicts: Array<AnyVerdict> = []
            for (const [of, { operation, places }] of parts.entries()) {
              for (const [index, place] of places.entries()) {
                verdicts[place] = Either.map(decisions[of]![index]!, (decision) =>
                  operation.answer(decision, batch),
                )
              }
            }
            return Effect.succeed({ verdicts, after: options.after(batch) })
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

    const queue = yield* BatchQueue.make<Request, AnyVerdict, Undone<X>>({
      send: commit,
      fitting: () => maxBatch,
      inFlight: 1,
      gather: options.gather ?? Effect.yieldNow(),
      isolates: (undone) => undone.isolates,
      cut: false,
      failed: ({ operation: { name } }, cause) =>
        Exit.failCause(
          cause === "closed"
            ? Cause.fail(unavailable(name))
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
      taken: () => taken,
      isBusy: queue.isBusy,
      operation: <Request, Decision, A, E>(
        operation: Operation<Request, Decision, A, E, Probe, Batch, X>,
      ) => {
        // The queue gives the requests of an operation to that operation alone, and its verdicts to their callers.
        const any = operation as unknown as AnyRequest<Probe, Batch, X>["operation"]
        return (request: Request) =>
          Effect.async<A, E | ControlPlaneUnavailable>((resume) =>
            queue.add({ operation: any, request }, resume as (verdict: AnyVerdict) => void),
          )
      },
    }
  })
