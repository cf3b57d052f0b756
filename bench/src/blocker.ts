/** A worker of one job that blocks the event loop when it is executed for the first time. */
import { NodeRuntime } from "@effect/platform-node"
import { Executor, Worker } from "@runlease/core"
import { Worker as BullMqWorker } from "bullmq"
import { Effect, type Scope } from "effect"
import { appendFileSync, existsSync } from "node:fs"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

/** Where the job is: behind a server of ours, or in a Redis. */
export type Queue =
  | { readonly _tag: "Runlease"; readonly served: Stores.Served; readonly onLoop: boolean }
  | { readonly _tag: "BullMq"; readonly port: number; readonly name: string }

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
      Effect.provide(Executor.layer(() => Effect.sync(execute))),
    )
  } else {
    const worker = new BullMqWorker(queue.name, async () => execute(), {
      connection: { host: "127.0.0.1", port: queue.port, maxRetriesPerRequest: null },
      concurrency: 1,
      lockDuration: lease * 1000,
      // As often as our leases are renewed.
      stalledInterval: Math.floor((lease * 1000) / 3),
    })
    // The lock that it has lost is an error of the worker.
    worker.on("error", () => {})
    yield* Effect.promise(() => worker.waitUntilReady())
  }
})

Effect.zipRight(start, Child.serve(null, {})).pipe(Effect.scoped, NodeRuntime.runMain)
