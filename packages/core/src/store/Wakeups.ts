/**
 * In-process wake-ups of callers that wait for a runnable run, for the growth of a log or for a cancellation.
 *
 * A wake-up only makes waiting shorter. It may be lost, so every waiter also polls slowly.
 *
 * @since 0.1.0
 */
import type { Scope } from "effect"
import { Deferred, Effect, Queue, Stream } from "effect"
import type { LeaseSignal } from "../ports/Leases.js"
import type { EventId, Run } from "../model/Run.js"
import type { LogEntry } from "../ports/RunLog.js"

/** The project of a runnable run, and the workers that it accepts. */
export interface Route {
  readonly projectId: string
  readonly implementationKind: string | null
  readonly workerKey: string | null
  readonly agentId: string
}

/** Names a run's log among those of all projects. */
export const logKey = (run: Pick<Run, "projectId" | "runId">): string => `${run.projectId}/${run.runId}`

/** Successive entries of a log, and their size in bytes of JSON. */
export interface LogPiece {
  readonly entries: ReadonlyArray<LogEntry>
  readonly bytes: number
}

/**
 * A log that grew. `latest` is its last event, if the wake-up has it. `piece` makes the new entries, if the wake-up has
 * them; it is called only when the log is followed.
 */
export interface LogGrowth {
  readonly log: string
  readonly latest?: EventId | undefined
  readonly piece?: (() => LogPiece) | undefined
}

export interface Wakeups {
  /**
   * Starts to wait for a run that `accepts` returns true for; the effect that it returns ends when such a run became
   * runnable. One run wakes one waiter. A wake-up that came but was not awaited is passed on when the Scope closes.
   */
  readonly runnableWaiter: (
    accepts: (route: Route) => boolean,
  ) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>

  /** Wakes a waiter for each of these runs, which became runnable. */
  readonly runnable: (routes: Iterable<Route>) => Effect.Effect<void>

  /** Calls `listener` each time that one log grows, until the Scope closes. */
  readonly logListener: (
    log: string,
    listener: (growth: LogGrowth) => void,
  ) => Effect.Effect<void, never, Scope.Scope>

  /** Wakes the followers of these logs, which grew. */
  readonly logsGrew: (growths: Iterable<LogGrowth>) => Effect.Effect<void>

  /** Wakes all waiters and followers, since wake-ups may have been lost. */
  readonly all: Effect.Effect<void>

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

/** Listeners by key; a key without listeners is removed. */
const makeRegistry = <A>() => {
  const byKey = new Map<string, Set<A>>()
  return {
    keys: (): Iterable<string> => byKey.keys(),
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
  const logs = makeRegistry<(growth: LogGrowth) => void>()
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

  const notify = (growths: Iterable<LogGrowth>): void => {
    for (const growth of growths) for (const listener of logs.of(growth.log)) listener(growth)
  }

  return {
    runnableWaiter,
    runnable: (routes) => Effect.forEach(routes, wakeFirst, { discard: true }),
    logListener: logs.join,
    logsGrew: (growths) => Effect.sync(() => notify(growths)),
    all: Effect.suspend(() => {
      notify(Array.from(logs.keys(), (log) => ({ log })))
      const woken = [...waiters]
      waiters.clear()
      return Effect.forEach(woken, (waiter) => Deferred.succeed(waiter.woken, undefined), { discard: true })
    }),
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
