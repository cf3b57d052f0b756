/** A worker of one job that blocks the event loop when it is executed for the first time. */
import { NodeRuntime } from "@effect/platform-node"
import { Executor, Worker } from "@runlease/core"
import { Effect, type Scope } from "effect"
import { appendFileSync, existsSync } from "node:fs"
import * as BullMqJob from "../peers/BullMqJob.js"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

/** Where the job is: behind a server of ours, or in a Redis. */
export type Queue =
  | { readonly _tag: "Runlease"; readonly served: Stores.Served; readonly onLoop: boolean }
  | ({ readonly _tag: "BullMq" } & BullMqJob.Options)

export interface Options {
  readonly queue: Queue
  /** The file that gets a line for each execution: when it began, in milliseconds. */
  readonly executions: string
  /** In seconds. */
  readonly lease: number
  /** For how many seconds the first execution blocks. */
  readonly blocked: number
}

const { blocked, executions, lease, queue } = Child.options<Options>()

const execute = (): void => {
  const until = performance.now() + (existsSync(executions) ? 0 : blocked * 1000)
  appendFileSync(executions, `${Date.now()}\n`)
  while (performance.now() < until);
}

const start: Effect.Effect<void, unknown, Scope.Scope> = Effect.gen(function* () {
  if (queue._tag === "Runlease") {
    const ports = yield* Stores.client(queue.served, queue.onLoop)
    yield* Worker.make({ concurrency: 1, leaseDuration: `${lease} seconds` }).pipe(
      Effect.provide(ports),
      Effect.provide(Executor.layerFrom(() => Effect.sync(execute))),
    )
  } else {
    yield* BullMqJob.startWorker(queue, lease, execute)
  }
})

Effect.zipRight(start, Child.serve(null, {})).pipe(Effect.scoped, NodeRuntime.runMain)
