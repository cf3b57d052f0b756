/** Many workers in one process, each with slots that its runs never leave, and what became of their leases. */
import { NodeRuntime } from "@effect/platform-node"
import { Executor, Worker } from "@runlease/core"
import { Effect, Logger, LogLevel, Stream } from "effect"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

export interface Options {
  readonly served: Stores.Served
  readonly workers: number
  /** The number of its first worker, where there are other fleets; 0 when absent. */
  readonly from?: number
  readonly slots: number
  /** In seconds. */
  readonly lease: number
}

/** `ended`: leases that ended before their runs, by the reason. `ready`: workers whose health is ready. */
export interface State {
  readonly inFlight: number
  readonly ended: Readonly<Record<string, number>>
  readonly ready: number
}

export type Calls = { readonly state: { readonly input: null; readonly output: State } }

const { from = 0, lease, served, slots, workers } = Child.options<Options>()

const ended: Record<string, number> = {}

const startWorker = (number: number) =>
  Effect.gen(function* () {
    const worker = yield* Worker.make({
      workerKey: `worker-${from + number}`,
      concurrency: slots,
      leaseDuration: `${lease} seconds`,
    })
    yield* Effect.forkScoped(
      Stream.runForEach(worker.events, (event) =>
        Effect.sync(() => {
          if (event._tag === "LeaseEnded") ended[event.reason] = (ended[event.reason] ?? 0) + 1
        }),
      ),
    )
    return worker
  })

const fleet = Effect.gen(function* () {
  const ports = yield* Stores.client(served, true)
  const started = yield* Effect.forEach(
    Array.from({ length: workers }, (_, number) => number),
    startWorker,
    {
      concurrency: 32,
    },
  ).pipe(Effect.provide(ports), Effect.provideService(Executor.Executor, { execute: () => Stream.never }))
  const state = Effect.map(
    Effect.forEach(started, ({ health, inFlight }) => Effect.all([inFlight, health])),
    (all): State => ({
      inFlight: all.reduce((sum, [runs]) => sum + runs.length, 0),
      ended,
      ready: all.filter(([, { _tag }]) => _tag === "Ready").length,
    }),
  )
  return yield* Effect.raceFirst(
    Child.serve<Calls>(null, { state: () => state }),
    Effect.raceAll(started.map(({ failed }) => failed)),
  )
})

fleet.pipe(
  Effect.scoped,
  // Each worker warns of each request that fails while the server is away.
  Logger.withMinimumLogLevel(LogLevel.Error),
  NodeRuntime.runMain,
)
