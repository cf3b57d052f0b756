/** The rate at which a worker executes a backlog. */
import { Executor, Runs, Worker } from "@runlease/core"
import { Context, Deferred, Effect, Schedule } from "effect"
import * as Rounds from "./Rounds.js"
import type * as Stores from "./Stores.js"

export interface Options {
  readonly runs: number
  readonly concurrency: number
  /** The worker's own number when absent. */
  readonly claimAhead?: number
  /** What each run executes. */
  readonly execution: ReturnType<Executor.Executor["Type"]["execute"]>
  /** Ends before the last run does. Until then nothing looks how many are in flight, which takes CPU. */
  readonly nearEnd?: Effect.Effect<void>
}

/** Runs a worker until all runs have ended; returns runs per second. */
export const perSecond = (
  ports: Stores.Ports,
  { claimAhead, concurrency, execution, nearEnd = Effect.void, runs: count }: Options,
) =>
  Effect.gen(function* () {
    let started = 0
    const allStarted = yield* Deferred.make<void>()
    const executor: Executor.Executor["Type"] = {
      execute: () => {
        started += 1
        if (started === count) Deferred.unsafeDone(allStarted, Effect.void)
        return execution
      },
    }
    const { millis } = yield* Rounds.timed(
      Effect.gen(function* () {
        const worker = yield* Worker.make({ concurrency, claimAhead }).pipe(
          Effect.provideService(Executor.Executor, executor),
          Effect.provide(ports),
        )
        yield* Effect.raceFirst(Effect.zipRight(Deferred.await(allStarted), nearEnd), worker.failed)
        yield* Effect.repeat(worker.inFlight, {
          until: (runs) => runs.length === 0,
          schedule: Schedule.spaced("1 millis"),
        })
      }),
    )
    const runs = Context.get(ports, Runs.Runs)
    for (const status of ["pending", "running", "failed"] as const) {
      const { items } = yield* runs.list({ status, limit: 1 })
      if (items.length > 0) return yield* Effect.dieMessage(`A run is ${status} after all have ended`)
    }
    return (count * 1000) / millis
  }).pipe(Effect.scoped)
