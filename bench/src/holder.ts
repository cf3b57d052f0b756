/** A worker over the network that holds every run: its executor emits nothing and never ends. */
import { NodeRuntime } from "@effect/platform-node"
import { Executor, Worker } from "@runlease/core"
import { Effect, Stream } from "effect"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

export interface Options {
  readonly served: Stores.Served
  readonly agent: string
  readonly concurrency: number
  /** In seconds. */
  readonly lease: number
}

/** The number of runs that it holds. */
export type Calls = { readonly inFlight: { readonly input: null; readonly output: number } }

const { agent, concurrency, lease, served } = Child.options<Options>()

const hold = Effect.gen(function* () {
  const ports = yield* Stores.client(served)
  const worker = yield* Worker.make({
    workerKey: agent,
    agentIds: [agent],
    concurrency,
    leaseDuration: `${lease} seconds`,
  }).pipe(Effect.provide(ports), Effect.provideService(Executor.Executor, { execute: () => Stream.never }))
  return yield* Effect.raceFirst(
    Child.serve<Calls>(null, {
      inFlight: () => Effect.map(worker.inFlight, (runs) => runs.length),
    }),
    worker.failed,
  )
})

hold.pipe(Effect.scoped, NodeRuntime.runMain)
