/**
 * Runs all measurements, prints tables, and writes results.json and chart.svg. `--quick` measures what the targets need, in
 * small sizes, and `--only` selects parts; either writes results-part.json and chart-part.svg. `--before` is the folder of
 * another commit, installed and built, which is measured beside this one.
 */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { execFileSync } from "node:child_process"
import { availableParallelism, cpus } from "node:os"
import { resolve } from "node:path"
import { Before } from "./Before.js"
import * as Chart from "./Chart.js"
import type { Part } from "./Figures.js"
import * as Machine from "./Machine.js"
import * as Agent from "./measure/Agent.js"
import * as Blocked from "./measure/Blocked.js"
import * as Claims from "./measure/Claims.js"
import * as Events from "./measure/Events.js"
import * as Fairness from "./measure/Fairness.js"
import * as Holding from "./measure/Holding.js"
import * as Idle from "./measure/Idle.js"
import * as Limits from "./measure/Limits.js"
import * as PickUp from "./measure/PickUp.js"
import * as Steps from "./measure/Steps.js"
import * as Streaming from "./measure/Streaming.js"
import * as Throughput from "./measure/Throughput.js"
import * as Waiting from "./measure/Waiting.js"
import * as Postgres from "./Postgres.js"
import * as Redis from "./Redis.js"
import * as Report from "./Report.js"
import * as Rounds from "./Rounds.js"
import * as Scale from "./Scale.js"
import * as Targets from "./Targets.js"

const quick = process.argv.includes("--quick")

const valueOf = (option: string): string | undefined =>
  process.argv.find((argument) => argument.startsWith(`--${option}=`))?.slice(`--${option}=`.length)

const only = valueOf("only")?.split(",")
const before = Option.map(Option.fromNullable(valueOf("before")), (folder) => resolve(folder))

const parts = {
  throughput: Throughput.measure,
  pickup: PickUp.measure,
  waiting: Waiting.measure,
  steps: Steps.measure,
  events: Events.measure,
  streaming: Streaming.measure,
  holding: Holding.measure,
  idle: Idle.measure,
  claims: Claims.measure,
  limits: Limits.measure,
  fairness: Fairness.measure,
  blocked: Blocked.measure,
  agent: Agent.measure,
}

const chosen = (Object.keys(parts) as ReadonlyArray<keyof typeof parts>).filter((name) =>
  only === undefined ? !quick || Targets.parts.has(name) : only.includes(name),
)

const measured = (name: keyof typeof parts) =>
  Effect.gen(function* () {
    const { millis, value } = yield* Rounds.timed<Part, unknown, Machine.Machine | Scale.Scale>(parts[name])
    yield* Console.log(Report.part(value))
    yield* Console.error(`(${name} took ${(millis / 1000).toFixed(0)} s)\n`)
    return value
  })

const commitOf = (folder: string): string =>
  execFileSync("git", ["-C", folder, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()

const machine = Effect.gen(function* () {
  const { postgres } = yield* Machine.Machine
  const redis = yield* Redis.version
  return [
    `${availableParallelism()} × ${cpus()[0]?.model ?? "CPU"}`,
    `Node ${process.version}`,
    `PostgreSQL ${yield* Effect.flatMap(postgres, ({ url }) => Postgres.versionOf(url))}`,
    Option.match(redis, { onNone: () => "no Redis", onSome: (version) => `Redis ${version}` }),
    ...Option.match(before, { onNone: () => [], onSome: (folder) => [`before: ${commitOf(folder)}`] }),
    ...(quick ? ["quick"] : []),
  ].join(", ")
})

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const amounts = yield* Scale.Scale
  const described = yield* machine
  yield* Console.log(`${described}\n`)
  const results = Object.fromEntries(
    yield* Effect.forEach(chosen, (name) => Effect.map(measured(name), (part) => [name, part] as const)),
  )
  const verdicts = Targets.verdicts(results, amounts)
  if (verdicts.length > 0) yield* Console.log(Report.verdicts(verdicts))
  const whole = !quick && only === undefined
  const write = (name: string, extension: string, text: string) =>
    fs.writeFileString(
      new URL(`../${name}${whole ? "" : "-part"}.${extension}`, import.meta.url).pathname,
      text,
    )
  yield* write(
    "results",
    "json",
    `${JSON.stringify({ machine: described, ...results, verdicts }, null, 2)}\n`,
  )
  yield* write("chart", "svg", Chart.render(Object.values(results)))
})

program.pipe(
  Effect.provideService(Before, before),
  Effect.provideService(Scale.Scale, quick ? Scale.quick : Scale.full),
  Effect.provide(Machine.layer),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain,
)
