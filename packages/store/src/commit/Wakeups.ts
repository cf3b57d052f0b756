/**
 * In-process wake-ups of callers that wait for a runnable run, for the growth of a log or for a cancellation, and of those that
 * remember tokens.
 *
 * A wake-up only makes waiting shorter. It may be lost, so every waiter also polls slowly.
 */
import type { LeaseSignal } from "@runlease/core/Leases"
import type { EventId, Run } from "@runlease/core/Run"
import type { Scope } from "effect"
import { Duration, Effect, Queue, Stream } from "effect"
import type { Route } from "../rows/RunRows.js"
import type { LogPiece } from "../rows/RunStore.js"
import * as WaitingClaims from "./WaitingClaims.js"

/** The longest time without a wake-up until a waiter polls. */
export const slowPoll = Duration.seconds(1)

/** Names a run's log among those of all projects. */
export const logKey = (run: Pick<Run, "projectId" | "runId">): string => `${run.projectId}/${run.runId}`

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
  readonly claims: WaitingClaims.WaitingClaims

  /** Wakes a claim for each of these runs, which became runnable and were not handed over. */
  readonly runnable: (routes: Iterable<Route>) => Effect.Effect<void>

  /** Wakes the claims for which the limits of these projects may have been in the way: places are free, or the limits have changed. */
  readonly freed: (projectIds: Iterable<string>) => Effect.Effect<void>

  /** Calls `listener` each time that one log grows, until the Scope closes. */
  readonly logListener: (
    log: string,
    listener: (growth: LogGrowth) => void,
  ) => Effect.Effect<void, never, Scope.Scope>

  /** Wakes the followers of these logs, which grew. */
  readonly logsGrew: (growths: Iterable<LogGrowth>) => Effect.Effect<void>

  /** Ends the pause of `unlessSooner` that lasts, or the next one: a bulk operation has begun, or a limit has its next token soon. */
  readonly dueSooner: Effect.Effect<void>

  /** Says that a message of a webhook may be due. */
  readonly messages: Effect.Effect<void>

  /** Waits until a message of a webhook may be due. One waiter gets each wake-up. */
  readonly untilMessages: Effect.Effect<void>

  /** Waits for so long, or until something is due sooner here. */
  readonly unlessSooner: (duration: Duration.Duration) => Effect.Effect<void>

  /** Wakes all waiters and followers, since wake-ups may have been lost. */
  readonly all: Effect.Effect<void>

  /** The signals for one worker from now on. */
  readonly signals: (workerId: string) => Stream.Stream<LeaseSignal>

  readonly signal: (workerId: string, signal: LeaseSignal) => Effect.Effect<void>

  /** Says that a token has ended, so that none is remembered that was found before. */
  readonly tokenEnded: Effect.Effect<void>

  /** Grows each time that a token may have ended, here or on another server. */
  readonly tokenEndings: () => number
}

/** Listeners by key; a key without listeners is removed. */
const makeRegistry = <A>() => {
  const byKey = new Map<string, Set<A>>()
  return {
    byKey: byKey as ReadonlyMap<string, Iterable<A>>,
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
  const claims = WaitingClaims.make()
  const logs = makeRegistry<(growth: LogGrowth) => void>()
  const workers = makeRegistry<Queue.Queue<LeaseSignal>>()
  const sooner = Effect.unsafeMakeLatch(false)
  const messages = Effect.unsafeMakeLatch(false)
  let tokenEndings = 0

  const logsGrew = (growths: Iterable<LogGrowth>): Effect.Effect<void> =>
    logs.byKey.size === 0
      ? Effect.void
      : Effect.sync(() => {
          for (const growth of growths) {
            for (const listener of logs.byKey.get(growth.log) ?? []) listener(growth)
          }
        })

  return {
    claims,
    runnable: (routes) =>
      Effect.sync(() => {
        for (const route of routes) claims.wake(route)
      }),
    freed: (projectIds) =>
      Effect.sync(() => {
        for (const projectId of projectIds) claims.wakeBlocked(projectId)
      }),
    logListener: logs.join,
    logsGrew,
    dueSooner: sooner.open,
    messages: messages.open,
    untilMessages: Effect.zipRight(messages.await, messages.close),
    unlessSooner: (duration) => Effect.zipRight(Effect.timeoutOption(sooner.await, duration), sooner.close),
    all: Effect.suspend(() => {
      tokenEndings += 1
      claims.wakeAll()
      return logsGrew(Array.from(logs.byKey.keys(), (log) => ({ log })))
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
      Effect.forEach(workers.byKey.get(workerId) ?? [], (queue) => Queue.offer(queue, signal), {
        discard: true,
      }),
    tokenEnded: Effect.sync(() => {
      tokenEndings += 1
    }),
    tokenEndings: () => tokenEndings,
  }
})
