/**
 * Concurrent requests, one commit: whoever arrives while a commit is in flight shares the next one.
 *
 * The first request goes at once. There are no timers, so an idle store answers as fast as one commit.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Array, Cause, Deferred, Effect, Either, Exit, FiberId, Queue } from "effect"
import { ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"

/** The commit that a run of operations is part of. */
export interface Commit<in X = never> {
  /** Has `effect` run inside the commit once all operations have run; its failure undoes the commit. */
  readonly before: (effect: Effect.Effect<void, X>) => void
  /** Has `effect` run once the commit has succeeded, whatever became of the callers by then. */
  readonly after: (effect: Effect.Effect<void>) => void
}

/**
 * One sort of request. `run` answers all those of a commit together, one verdict each and in their order; a
 * refusal is a verdict (a Left), whereas a failure undoes the whole commit.
 *
 * `onAbandoned` is for an answer that its caller, interrupted while the commit was in flight, never got.
 *
 * @since 0.1.0
 * @category models
 */
export interface Operation<in Request, in out A, out E, out X> {
  readonly name: string
  readonly run: (
    requests: Array.NonEmptyReadonlyArray<Request>,
    commit: Commit<X>,
  ) => Effect.Effect<ReadonlyArray<Either.Either<A, E>>, X>
  readonly onAbandoned?: ((request: Request, answer: A) => Effect.Effect<void>) | undefined
}

export interface GroupCommit<X> {
  /**
   * Makes the effect that sends one request and gives its verdict.
   *
   * A caller that is interrupted before its request is in a commit takes it back; after that the request
   * stands and the caller does not wait for it.
   */
  readonly operation: <Request, A, E = never>(
    operation: Operation<Request, A, E, X>,
  ) => (request: Request) => Effect.Effect<A, E | ControlPlaneUnavailable>
}

/**
 * `transact` runs an effect as one transaction. `unavailable` says what a caller is told of its failure.
 * `maxBatch`: how many requests one commit takes, 256 when absent; four times as many may wait, and
 * further callers are held back until there is room. `gather` is what a commit waits for before it takes its
 * requests, a turn of the scheduler when absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<X> {
  readonly transact: <A>(effect: Effect.Effect<A, X>) => Effect.Effect<A, X>
  readonly unavailable: (operation: string, failure: X) => ControlPlaneUnavailable
  readonly maxBatch?: number | undefined
  readonly gather?: Effect.Effect<void> | undefined
}

/** The requests of one operation within one commit. */
interface Part<X> {
  readonly name: string
  readonly size: number
  /** The effect it gives tells the callers their verdicts. */
  readonly run: (commit: Commit<X>) => Effect.Effect<Effect.Effect<void>, X>
  readonly fail: (cause: Cause.Cause<ControlPlaneUnavailable>) => Effect.Effect<void>
  /** The same requests, each on its own. */
  readonly alone: () => ReadonlyArray<Part<X>>
}

/** Where one operation's requests wait; it is in the writer's queue once for each of them. */
interface Inbox<X> {
  readonly name: string
  /** The oldest `count` requests, without those withdrawn. */
  readonly take: (count: number) => Part<X> | undefined
}

interface Entry<Request, A, E> {
  readonly request: Request
  readonly verdict: Deferred.Deferred<A, E | ControlPlaneUnavailable>
  phase: "queued" | "running" | "settled" | "abandoned" | "withdrawn"
}

const makeInbox = <Request, A, E, X>(operation: Operation<Request, A, E, X>, scope: Scope.Scope) => {
  const { name } = operation
  const waiting: Array<Entry<Request, A, E>> = []

  const abandoned = (request: Request, answer: A): Effect.Effect<void> =>
    operation.onAbandoned === undefined
      ? Effect.void
      : Effect.asVoid(Effect.forkIn(operation.onAbandoned(request, answer), scope))

  const settle = (
    entry: Entry<Request, A, E>,
    exit: Exit.Exit<A, E | ControlPlaneUnavailable>,
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const wasAbandoned = entry.phase === "abandoned"
      entry.phase = "settled"
      return wasAbandoned && Exit.isSuccess(exit)
        ? abandoned(entry.request, exit.value)
        : Effect.asVoid(Deferred.done(entry.verdict, exit))
    })

  const partOf = (entries: Array.NonEmptyArray<Entry<Request, A, E>>): Part<X> => ({
    name,
    size: entries.length,
    run: (commit) =>
      Effect.map(
        operation.run(
          Array.map(entries, ({ request }) => request),
          commit,
        ),
        (verdicts) =>
          Effect.forEach(
            entries,
            (entry, index) =>
              settle(entry, Either.match(verdicts[index]!, { onLeft: Exit.fail, onRight: Exit.succeed })),
            { discard: true },
          ),
      ),
    fail: (cause) =>
      Effect.forEach(entries, (entry) => settle(entry, Exit.failCause(cause)), { discard: true }),
    alone: () => entries.map((entry) => partOf([entry])),
  })

  const inbox: Inbox<X> = {
    name,
    take: (count) => {
      const taken = waiting.splice(0, count).filter((entry) => entry.phase === "queued")
      for (const entry of taken) entry.phase = "running"
      return Array.isNonEmptyArray(taken) ? partOf(taken) : undefined
    },
  }

  const put = (request: Request): Entry<Request, A, E> => {
    const entry: Entry<Request, A, E> = {
      request,
      verdict: Deferred.unsafeMake(FiberId.none),
      phase: "queued",
    }
    waiting.push(entry)
    return entry
  }

  /** The caller is gone. */
  const leave = (entry: Entry<Request, A, E>): Effect.Effect<void> =>
    Effect.suspend(() => {
      switch (entry.phase) {
        case "queued":
          entry.phase = "withdrawn"
          return Effect.void
        case "running":
          entry.phase = "abandoned"
          return Effect.void
        case "settled":
          return Effect.matchEffect(Deferred.await(entry.verdict), {
            onFailure: () => Effect.void,
            onSuccess: (answer) => abandoned(entry.request, answer),
          })
        default:
          return Effect.void
      }
    })

  return { inbox, put, leave }
}

const closedUnavailable = (operation: string): ControlPlaneUnavailable =>
  new ControlPlaneUnavailable({
    operation,
    message: "This control plane is closed",
    // It does not open again: a caller that outlives it has nothing to wait for.
    retryable: false,
  })

/**
 * A writer with its queue, both alive until the Scope closes. Closing fails what is queued with
 * `ControlPlaneUnavailable`; the commit in flight is finished.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(options: Options<X>): Effect.Effect<GroupCommit<X>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const maxBatch = options.maxBatch ?? 256
    const gather = options.gather ?? Effect.yieldNow()
    const scope = yield* Effect.scope
    const room = yield* Effect.makeSemaphore(maxBatch * 4)
    const queue = yield* Queue.unbounded<Inbox<X>>()
    const inboxes = new Set<Inbox<X>>()
    let closed = false

    const partsOf = (turns: Iterable<Inbox<X>>): ReadonlyArray<Part<X>> => {
      const counts = new Map<Inbox<X>, number>()
      for (const inbox of turns) counts.set(inbox, (counts.get(inbox) ?? 0) + 1)
      return Array.fromIterable(counts).flatMap(([inbox, count]) => inbox.take(count) ?? [])
    }

    const commit = (parts: ReadonlyArray<Part<X>>): Effect.Effect<void> =>
      Effect.suspend(() => {
        let begun = false
        const body = Effect.suspend(() => {
          begun = true
          const before: Array<Effect.Effect<void, X>> = []
          const after: Array<Effect.Effect<void>> = []
          const shared: Commit<X> = {
            before: (effect) => void before.push(effect),
            after: (effect) => void after.push(effect),
          }
          return Effect.forEach(parts, (part) => part.run(shared)).pipe(
            Effect.zipLeft(Effect.suspend(() => Effect.all(before, { discard: true }))),
            Effect.map((settle) => Effect.ignoreLogged(Effect.all([...settle, ...after], { discard: true }))),
          )
        })
        return Effect.matchCauseEffect(options.transact(body), {
          onSuccess: (committed) => committed,
          onFailure: (cause) => {
            const single = parts.length === 1 && parts[0]!.size === 1
            // A transaction that never began fails for no request's sake.
            return single || !begun
              ? Effect.forEach(
                  parts,
                  (part) => part.fail(Cause.map(cause, (failure) => options.unavailable(part.name, failure))),
                  { discard: true },
                )
              : Effect.forEach(
                  parts.flatMap((part) => part.alone()),
                  (part) => commit([part]),
                  { discard: true },
                )
          },
        })
      })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return Effect.forEach(
          inboxes,
          (inbox) =>
            inbox.take(Number.POSITIVE_INFINITY)?.fail(Cause.fail(closedUnavailable(inbox.name))) ??
            Effect.void,
          { discard: true },
        )
      }),
    )

    yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const first = yield* restore(Queue.take(queue))
        // Whoever is about to ask, such as those whom the last commit answered, may still join this one.
        yield* gather
        const parts = partsOf([first, ...(yield* Queue.takeUpTo(queue, maxBatch - 1))])
        if (parts.length > 0) yield* commit(parts)
      }),
    ).pipe(Effect.forever, Effect.forkScoped)

    return {
      operation: <Request, A, E>(operation: Operation<Request, A, E, X>) => {
        const { inbox, put, leave } = makeInbox(operation, scope)
        inboxes.add(inbox)
        return (request: Request) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.zipRight(
              restore(room.take(1)),
              Effect.suspend(() => {
                if (closed) return closedUnavailable(operation.name)
                const entry = put(request)
                Queue.unsafeOffer(queue, inbox)
                return Effect.onInterrupt(restore(Deferred.await(entry.verdict)), () => leave(entry))
              }).pipe(Effect.ensuring(room.release(1))),
            ),
          )
      },
    }
  })
