/**
 * In-process wake-ups: who waits for a run to become runnable, for a log to grow, for a cancellation.
 *
 * A wake-up only makes things faster. Whoever waits also polls slowly, since one may be lost.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Deferred, Effect, Queue, Stream } from "effect"
import type { LeaseSignal } from "./Leases.js"

/** What a runnable run asks of its worker. */
export interface Route {
  readonly projectId: string
  readonly implementationKind: string | null
  readonly workerKey: string | null
  readonly agentId: string
}

export interface Wakeups {
  /**
   * Starts to wait for a run that `accepts` says yes to; the effect it gives ends when one became runnable. One run
   * wakes one waiter. A wake-up that came but was not awaited is passed on when the Scope closes.
   */
  readonly runnableWaiter: (
    accepts: (route: Route) => boolean,
  ) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>

  /** These runs became runnable. */
  readonly runnable: (routes: Iterable<Route>) => Effect.Effect<void>

  /** Starts to watch one log; the effect it gives ends when the log grew since it last ended. */
  readonly logWatcher: (log: string) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>

  /** These logs grew. */
  readonly logsGrew: (logs: Iterable<string>) => Effect.Effect<void>

  /** The signals for one worker from now on. */
  readonly signals: (workerId: string) => Stream.Stream<LeaseSignal>

  readonly signal: (workerId: string, signal: LeaseSignal) => Effect.Effect<void>
}

interface Waiter {
  readonly accepts: (route: Route) => boolean
  readonly woken: Deferred.Deferred<void>
  route: Route | undefined
  awaited: boolean
}

/** Listeners by key; a key is there only while somebody listens. */
const makeRegistry = <A>() => {
  const byKey = new Map<string, Set<A>>()
  return {
    of: (key: string): Iterable<A> => byKey.get(key) ?? [],
    join: (key: string, listener: A): Effect.Effect<void, never, Scope.Scope> =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listeners = byKey.get(key) ?? new Set<A>()
          byKey.set(key, listeners.add(listener))
        }),
        () =>
          Effect.sync(() => {
            const listeners = byKey.get(key)
            listeners?.delete(listener)
            if (listeners?.size === 0) byKey.delete(key)
          }),
      ),
  }
}

export const make: Effect.Effect<Wakeups> = Effect.sync(() => {
  const waiters = new Set<Waiter>()
  const logs = makeRegistry<Queue.Queue<void>>()
  const workers = makeRegistry<Queue.Queue<LeaseSignal>>()

  const wakeFirst = (route: Route): Effect.Effect<void> =>
    Effect.suspend(() => {
      for (const waiter of waiters) {
        if (waiter.accepts(route)) {
          waiters.delete(waiter)
          waiter.route = route
          return Effect.asVoid(Deferred.succeed(waiter.woken, undefined))
        }
      }
      return Effect.void
    })

  const runnableWaiter: Wakeups["runnableWaiter"] = (accepts) =>
    Effect.gen(function* () {
      const waiter: Waiter = {
        accepts,
        woken: yield* Deferred.make<void>(),
        route: undefined,
        awaited: false,
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => waiters.add(waiter)),
        () =>
          Effect.suspend(() => {
            waiters.delete(waiter)
            return waiter.route !== undefined && !waiter.awaited ? wakeFirst(waiter.route) : Effect.void
          }),
      )
      return Effect.map(Deferred.await(waiter.woken), () => {
        waiter.awaited = true
      })
    })

  return {
    runnableWaiter,
    runnable: (routes) => Effect.forEach(routes, wakeFirst, { discard: true }),
    logWatcher: (log) =>
      Effect.gen(function* () {
        const queue = yield* Effect.acquireRelease(Queue.sliding<void>(1), Queue.shutdown)
        yield* logs.join(log, queue)
        return Queue.take(queue)
      }),
    logsGrew: (grown) =>
      Effect.forEach(
        grown,
        (log) => Effect.forEach(logs.of(log), (queue) => Queue.offer(queue, undefined), { discard: true }),
        { discard: true },
      ),
    signals: (workerId) =>
      Stream.unwrapScoped(
        Effect.gen(function* () {
          const queue = yield* Effect.acquireRelease(Queue.unbounded<LeaseSignal>(), Queue.shutdown)
          yield* workers.join(workerId, queue)
          return Stream.fromQueue(queue)
        }),
      ),
    signal: (workerId, signal) =>
      Effect.forEach(workers.of(workerId), (queue) => Queue.offer(queue, signal), { discard: true }),
  }
})
