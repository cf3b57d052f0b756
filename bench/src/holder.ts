/** A worker over HTTP that keeps what it claims: its executor says nothing and never ends. */
import { NodeRuntime } from "@effect/platform-node"
import { Executor, Worker } from "@runlease/core"
import { Effect, Layer, Stream } from "effect"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

export interface HolderOptions {
  readonly served: Stores.Served
  readonly name: string
  readonly agent: string
  readonly concurrency: number
  readonly lease: number
}

const { agent, concurrency, lease, name, served } = Child.options<HolderOptions>()

const executor = Layer.succeed(Executor.Executor, {
  execute: () => Stream.never,
})

const hold = Effect.gen(function* () {
  const ports = yield* Stores.client(served)
  const worker = yield* Worker.make({
    workerKey: name,
    agentIds: [agent],
    concurrency,
    leaseDuration: `${lease} seconds`,
  }).pipe(Effect.provide(ports), Effect.provide(executor))
  return yield* Effect.raceFirst(
    Child.answer(null, { inFlight: Effect.map(worker.inFlight, (runs) => runs.length) }),
    worker.failed,
  )
})

hold.pipe(Effect.scoped, NodeRuntime.runMain)
