/**
 * What stays in memory: of a process with store and worker, after each 100,000 no-op runs, and of a server, for each idle worker that is
 * connected to it.
 *
 * `--runs=N` is how many runs there are, a million when absent, and `--workers=N` how many workers, 5,000 when absent; 0 leaves that out.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schedule } from "effect"
import * as Child from "./Child.js"
import * as Contenders from "./Contenders.js"
import { start } from "./contenders/Contender.js"
import type { Options } from "./contenders/Runlease.js"
import * as Flags from "./Flags.js"
import type { Calls as FleetCalls, Options as FleetOptions } from "./fleet.js"
import * as Machine from "./Machine.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

const runs = Flags.numberOf("runs", 1_000_000)
const workers = Flags.numberOf("workers", 5000)

const between = 100_000

/** Workers of one process. */
const ofProcess = 500

const megabytes = (bytes: number): string => (bytes / 1024 ** 2).toFixed(2)

/** Drains runs in parts of 100,000, and looks at the memory after each. */
const afterRuns = Effect.gen(function* () {
  const store = yield* Contenders.storeOf("SQLite normal", "memory")
  const worker = yield* start("Runlease", {
    store,
    concurrency: Contenders.slots,
    noop: "effect",
    servers: 1,
    submits: false,
  } satisfies Options)
  const rows: Array<ReadonlyArray<string>> = []
  for (let ended = 0; ended < runs;) {
    const part = Math.min(between, runs - ended)
    yield* worker.call("fill", part)
    const perSecond = yield* worker.call("drain", part)
    ended += part
    const { heapUsed, oldSpace, rss } = yield* worker.call("memory")
    rows.push([
      Table.number(ended),
      megabytes(heapUsed),
      megabytes(oldSpace),
      megabytes(rss),
      Table.number(perSecond),
    ])
  }
  yield* Console.log(
    Table.render(
      "Memory of a process with store and worker after no-op runs, SQLite normal",
      ["runs", "heap, MB", "old space, MB", "resident, MB", "runs/s"],
      rows,
    ),
  )
}).pipe(Effect.scoped)

/** Connects workers from some processes, and looks at the memory of the server before and after. */
const ofIdleWorkers = Effect.gen(function* () {
  const server = yield* Stores.server(yield* Contenders.storeOf("SQLite normal", "idle"))
  const fleet = (from: number, count: number) =>
    Effect.gen(function* () {
      const child = yield* Child.start<null, FleetCalls>("fleet.ts", {
        served: server.ready,
        workers: count,
        from,
        slots: 1,
        lease: 60,
      } satisfies FleetOptions)
      yield* Effect.repeat(child.call("state"), {
        until: ({ ready }) => ready === count,
        schedule: Schedule.spaced("200 millis"),
      })
    })
  // The first few compile the code paths.
  yield* fleet(workers, 20)
  const memory = Effect.delay(server.call("memory"), "3 seconds")
  const before = yield* memory
  for (let started = 0; started < workers; started += ofProcess) {
    yield* fleet(started, Math.min(ofProcess, workers - started))
  }
  const after = yield* memory
  const each = (name: keyof Child.Memory) => Table.number((after[name] - before[name]) / workers)
  yield* Console.log(
    Table.render(
      `Memory of a server for each of ${Table.number(workers)} idle workers`,
      ["heap, bytes", "old space, bytes", "resident, bytes"],
      [[each("heapUsed"), each("oldSpace"), each("rss")]],
    ),
  )
}).pipe(Effect.scoped)

Effect.zipRight(
  Effect.when(afterRuns, () => runs > 0),
  Effect.when(ofIdleWorkers, () => workers > 0),
).pipe(Effect.provide(Machine.layer), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
