/** A worker that dies at one of its writes, as a process that is killed does: nothing more of it reaches the control plane. */
import {
  Claims,
  type ControlPlane,
  ControlPlaneError,
  Conversations,
  type Executor,
  Leases,
  RunLog,
  Runs,
  Worker,
  WorkerRegistry,
} from "@runlease/core"
import { Context, Deferred, Effect, Exit, type Layer, Logger, LogLevel, Scope } from "effect"

/** Right before a write is in the store, or right after it, while its answer is on the way. */
export type Moment = "before" | "after"

/** A worker waits so long for the runs of a dead one. A busy machine must renew it in time. */
export const lease = "10 seconds"

/** The requests that change a run or its log. A claim is one where it gets runs. */
const writes = new Set([
  "append",
  "appendBeside",
  "complete",
  "release",
  "spawn",
  "submit",
  "suspend",
  "tell",
])

/** A write by its name, and which of that name it is, from 1. */
export interface Death {
  readonly write: string
  readonly nth: number
  readonly moment: Moment
}

/**
 * Starts a worker with these agents that dies at that write; at a claim it dies when it gets the answer. `killed` waits for ever where the
 * worker has no such write. `sent` counts its writes. `end` kills it in any case, and ends its fibers.
 */
export const start = Effect.fnUntraced(function* <E>(
  agents: Layer.Layer<Executor.Executor, E>,
  death: Death | undefined,
) {
  const ports = yield* Effect.context<ControlPlane.ProjectPorts>()
  const killed = yield* Deferred.make<void>()
  const buried = yield* Deferred.make<void>()
  const scope = yield* Scope.make()
  const sent = new Map<string, number>()
  let isDead = false

  /** No answer arrives at a dead worker. Its fibers end when it is buried. */
  const silence = (operation: string) =>
    Effect.zipRight(
      Deferred.await(buried),
      new ControlPlaneError.ControlPlaneUnsupported({ operation, message: "The worker is dead" }),
    )
  const die = (operation: string) => {
    isDead = true
    return Effect.zipRight(Deferred.succeed(killed, undefined), silence(operation))
  }
  /** Counts a write. Returns whether it is the one at which the worker dies. */
  const isFatal = (name: string): boolean => {
    const nth = (sent.get(name) ?? 0) + 1
    sent.set(name, nth)
    return death?.write === name && death.nth === nth
  }

  const through = <A, E2, R>(name: string, request: Effect.Effect<A, E2, R>) =>
    Effect.suspend((): Effect.Effect<A, E2 | ControlPlaneError.ControlPlaneUnsupported, R> => {
      if (isDead) return silence(name)
      const isLast = writes.has(name) && isFatal(name)
      if (isLast && death?.moment === "before") return die(name)
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(isLast ? request : restore(request), (answer) => {
          if (isDead) return restore(silence(name))
          const gotRuns = name === "claim" && (answer as ReadonlyArray<unknown>).length > 0
          return isLast || (gotRuns && isFatal(name)) ? restore(die(name)) : Effect.succeed(answer)
        }),
      )
    })

  const mortal = <I, S extends object>(tag: Context.Tag<I, S>): Context.Context<I> => {
    const methods = Object.entries(Context.get(ports as Context.Context<I>, tag)).map(
      ([name, method]: [string, (...args: ReadonlyArray<unknown>) => unknown]) => [
        name,
        (...args: ReadonlyArray<unknown>) => {
          const answer = method(...args)
          return Effect.isEffect(answer) ? through(name, answer) : answer
        },
      ],
    )
    return Context.make(tag, Object.fromEntries(methods) as S)
  }

  yield* Worker.make({ drainTimeout: 0, interruptGrace: 0, leaseDuration: lease }).pipe(
    Effect.provide(agents),
    Effect.provide(
      Context.mergeAll(
        mortal(Claims.Claims),
        mortal(Conversations.Conversations),
        mortal(Leases.Leases),
        mortal(RunLog.RunLog),
        mortal(Runs.Runs),
        mortal(WorkerRegistry.WorkerRegistry),
      ),
    ),
    // A dead worker says nothing, also of the failures that end its fibers.
    Logger.withMinimumLogLevel(LogLevel.None),
    Scope.extend(scope),
  )
  const end = Effect.suspend(() => {
    isDead = true
    return Effect.zipRight(Deferred.succeed(buried, undefined), Scope.close(scope, Exit.void))
  })
  yield* Effect.addFinalizer(() => end)
  return { killed, end, sent: Effect.sync(() => new Map(sent)) }
})
