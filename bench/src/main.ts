/** Measures everything, prints tables, and writes results.json. `--quick` takes less of everything. */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { availableParallelism, cpus } from "node:os"
import * as Backlog from "./measure/Backlog.js"
import * as Events from "./measure/Events.js"
import * as Holding from "./measure/Holding.js"
import * as PickUp from "./measure/PickUp.js"
import * as Throughput from "./measure/Throughput.js"
import * as Report from "./Report.js"
import * as Rounds from "./Rounds.js"
import * as Scale from "./Scale.js"

const quick = process.argv.includes("--quick")
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length)

const part = <A, E, R>(
  name: string,
  measure: Effect.Effect<A, E, R>,
  report: (result: A) => string,
): Effect.Effect<readonly [string, A | null], E, R> =>
  Effect.gen(function* () {
    if (only !== undefined && only !== name) return [name, null] as const
    const { millis, value } = yield* Rounds.timed(measure)
    yield* Console.log(report(value))
    yield* Console.error(`(${name} took ${(millis / 1000).toFixed(0)} s)\n`)
    return [name, value] as const
  })

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.version}`
  yield* Console.log(`${machine}${quick ? ", quick" : ""}\n`)
  const results = yield* Effect.all([
    part("throughput", Throughput.measure, Report.throughput),
    part("pickup", PickUp.measure, Report.pickUp),
    part("events", Events.measure, Report.events),
    part("backlog", Backlog.measure, Report.backlog),
    part("holding", Holding.measure, Report.holding),
  ])
  yield* fs.writeFileString(
    new URL("../results.json", import.meta.url).pathname,
    `${JSON.stringify({ machine, quick, ...Object.fromEntries(results) }, null, 2)}\n`,
  )
})

program.pipe(
  Effect.provideService(Scale.Scale, quick ? Scale.quick : Scale.full),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain,
)
