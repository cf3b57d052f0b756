/**
 * Concurrent requests, one commit: whoever arrives while a commit is in flight shares the next one.
 *
 * The first request goes at once. There are no timers, so an idle store answers as fast as one commit.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Array, Cause, Effect, Either, Exit, Option } from "effect"
import { closed as unavailable, type ControlPlaneUnavailable } from "../ports/ControlPlaneUnavailable.js"

/** The commit that a run of operations is part of. */
export interface Commit<in X = never> {
  /** Has `effect` run inside the commit once all operations have run; its failure undoes the commit. */
  readonly before: (effect: Effect.Effect<void, X>) => void
  /** Has `effect` run once the commit has succeeded, whatever became of the callers by then. */
  readonly after: (effect: Effect.Effect<void>) => void
}

/** One verdict for each request and in their order, or what gives them once the commit has succeeded. */
export type Verdicts<A, E> = ReadonlyArray<Either.Either<A, E>> | (() => ReadonlyArray<Either.Either<A, E>>)

/**
 * One sort of request. `run` answers all those of a commit together; a refusal is a verdict (a Left), whereas a failure
 * undoes the whole commit.
 *
 * `load` asks for what `run` is sure to need. The loads of a commit go together, before anything of it runs.
 * `onAbandoned` is for an answer that its caller, interrupted while the commit was in flight, never got.
 *
 * @since 0.1.0
 * @category models
 */
export interface Operation<in Request, in out A, out E, out X> {
  readonly name: string
  readonly load?:
    | ((requests: Array.NonEmptyReadonlyArray<Request>, commit: Commit<X>) => Effect.Effect<void, X>)
    | undefined
  readonly run: (
    requests: Array.NonEmptyReadonlyArray<Request>,
    commit: Commit<X>,
  ) => Effect.Effect<Verdicts<A, E>, X>
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
 * `maxBatch`: how many requests one commit takes, 256 when absent; the rest wait for the next. `gather` is what a
 * commit waits for before it takes its requests, a turn of the scheduler when absent. `isolates` says whether a failure may be one request's fault, so that
 * each is tried alone; when absent, each is. It must say no where the transaction may have been committed after all.
 * `together` runs the loads of a commit, one after the other when absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<X> {
  readonly transact: <A>(effect: Effect.Effect<A, X>) => Effect.Effect<A, X>
  readonly unavailable: (operation: string, failure: X) => ControlPlaneUnavailable
  readonly maxBatch?: number | undefined
  readonly gather?: Effect.Effect<void> | undefined
  readonly isolates?: ((failure: X) => boolean) | undefined
  readonly together?: ((loads: ReadonlyArray<Effect.Effect<void, X>>) => Effect.Effect<void, X>) | undefined
}

/** The requests of one operation within one commit. */
interface Part<X> {
  readonly name: string
  readonly size: number
  readonly load: ((commit: Commit<X>) => Effect.Effect<void, X>) | undefined
  /** What it gives tells the callers their verdicts. */
  readonly run: (commit: Commit<X>) => Effect.Effect<() => void, X>
  readonly fail: (cause: Cause.Cause<ControlPlaneUnavailable>) => void
  /** The same requests, each on its own. */
  readonly alone: () => ReadonlyArray<Part<X>>
}

/** Where one operation's requests wait. */
interface Inbox<X> {
  readonly name: string
  /** The oldest `count` requests, without those whose callers are gone. */
  readonly take: (count: number) => Part<X> | undefined
}

/** A request from its caller to its verdict. */
interface Entry<in out Request, in out A, in out E> {
  readonly request: Request
  readonly tell: (verdict: Effect.Effect<A, E | ControlPlaneUnavailable>) => void
  state: "queued" | "running" | "gone" | Either.Either<A, E>
}

const makeInbox = <Request, A, E, X>(operation: Operation<Request, A, E, X>, scope: Scope.Scope) => {
  const { name, onAbandoned } = operation
  const waiting: Array<Entry<Request, A, E>> = []

  const handOn = (request: Request, verdict: Either.Either<A, E>): Effect.Effect<void> =>
    onAbandoned !== undefined && Either.isRight(verdict)
      ? Effect.asVoid(Effect.forkIn(onAbandoned(request, verdict.right), scope))
      : Effect.void

  const settle = (entry: Entry<Request, A, E>, verdict: Either.Either<A, E>, commit: Commit): void => {
    if (entry.state === "gone") return commit.after(handOn(entry.request, verdict))
    entry.state = verdict
    entry.tell(verdict)
  }

  const partOf = (entries: Array.NonEmptyArray<Entry<Request, A, E>>): Part<X> => ({
    name,
    size: entries.length,
    load:
      operation.load &&
      ((commit) =>
        operation.load!(
          Array.map(entries, ({ request }) => request),
          commit,
        )),
    run: (commit) =>
      Effect.map(
        operation.run(
          Array.map(entries, ({ request }) => request),
          commit,
        ),
        (given) => () => {
          const verdicts = typeof given === "function" ? given() : given
          entries.forEach((entry, index) => settle(entry, verdicts[index]!, commit))
        },
      ),
    fail: (cause) => entries.forEach((entry) => entry.tell(Exit.failCause(cause))),
    alone: () => entries.map((entry) => partOf([entry])),
  })

  const inbox: Inbox<X> = {
    name,
    take: (count) => {
      const taken = waiting.splice(0, count).filter((entry) => entry.state === "queued")
      for (const entry of taken) entry.state = "running"
      return Array.isNonEmptyArray(taken) ? partOf(taken) : undefined
    },
  }

  /** Puts a request into the inbox; the effect it gives is for a caller that goes away. */
  const put = (request: Request, tell: Entry<Request, A, E>["tell"]): Effect.Effect<void> => {
    const entry: Entry<Request, A, E> = { request, tell, state: "queued" }
    waiting.push(entry)
    return Effect.suspend(() => {
      const { state } = entry
      entry.state = "gone"
      return typeof state === "string" ? Effect.void : handOn(request, state)
    })
  }

  return { inbox, put }
}

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
    const isolates = options.isolates ?? (() => true)
    const together = options.together ?? ((loads) => Effect.all(loads, { discard: true }))
    const scope = yield* Effect.scope
    const inboxes = new Set<Inbox<X>>()
    // An inbox is in the queue once for each of its requests, so that sorts of requests take turns.
    const queue: Array<Inbox<X>> = []
    const asked = yield* Effect.makeLatch(false)
    let closed = false

    const nextParts = (): ReadonlyArray<Part<X>> => {
      const counts = new Map<Inbox<X>, number>()
      for (const inbox of queue.splice(0, maxBatch)) counts.set(inbox, (counts.get(inbox) ?? 0) + 1)
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
          const loads = parts.flatMap(({ load }) => load?.(shared) ?? [])
          return (loads.length === 0 ? Effect.void : together(loads)).pipe(
            Effect.zipRight(Effect.forEach(parts, (part) => part.run(shared))),
            Effect.zipLeft(Effect.suspend(() => Effect.all(before, { discard: true }))),
            Effect.map((tellings) => () => {
              for (const tell of tellings) tell()
              return Effect.ignoreLogged(Effect.all(after, { discard: true }))
            }),
          )
        })
        return Effect.matchCauseEffect(options.transact(body), {
          onSuccess: (committed) => committed(),
          onFailure: (cause) => {
            const single = parts.length === 1 && parts[0]!.size === 1
            const shared = Option.exists(Cause.failureOption(cause), (failure) => !isolates(failure))
            // A transaction that never began fails for no request's sake.
            if (!single && !shared && begun) {
              return Effect.forEach(
                parts.flatMap((part) => part.alone()),
                (part) => commit([part]),
                { discard: true },
              )
            }
            for (const part of parts) {
              part.fail(Cause.map(cause, (failure) => options.unavailable(part.name, failure)))
            }
            return Effect.void
          },
        })
      })

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const inbox of inboxes) {
          inbox.take(Number.POSITIVE_INFINITY)?.fail(Cause.fail(unavailable(inbox.name)))
        }
      }),
    )

    yield* Effect.uninterruptibleMask((restore) =>
      // Whoever is about to ask, such as those whom the last commit answered, may still join this one.
      Effect.zipRight(restore(asked.await), gather).pipe(
        Effect.flatMap(() => {
          const parts = nextParts()
          if (queue.length === 0) asked.unsafeClose()
          return parts.length === 0 ? Effect.void : commit(parts)
        }),
      ),
    ).pipe(Effect.forever, Effect.forkScoped)

    return {
      operation: <Request, A, E>(operation: Operation<Request, A, E, X>) => {
        const { inbox, put } = makeInbox(operation, scope)
        inboxes.add(inbox)
        return (request: Request) =>
          Effect.async<A, E | ControlPlaneUnavailable>((resume) => {
            if (closed) return resume(unavailable(operation.name))
            const leave = put(request, resume)
            queue.push(inbox)
            asked.unsafeOpen()
            return leave
          })
      },
    }
  })
