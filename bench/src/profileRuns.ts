/** Prints where a no-op run spends its CPU: in one process, and with worker and server in separate processes. */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import type * as Child from "./Child.js"
import * as Contenders from "./Contenders.js"
import { start } from "./contenders/Contender.js"
import type { Options } from "./contenders/Runlease.js"
import * as Machine from "./Machine.js"
import type * as Profile from "./Profile.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

const topFunctions = 30

interface Profiled {
  readonly title: string
  readonly profile: Profile.Profile
  readonly runs: number
  readonly perSecond: number
  /** Microseconds of CPU of the process during the drain. */
  readonly cpu: number
}

const show = ({ cpu, perSecond, profile, runs, title }: Profiled) => {
  const busyOf = (groups: ReadonlyArray<Profile.Group>) =>
    groups.filter(({ name }) => name !== "idle" && !name.startsWith("idle:"))
  const busy = busyOf(profile.owners)
  const total = busy.reduce((sum, { self }) => sum + self, 0)
  const row = (name: string, self: number) => [
    name,
    `${((self * 100) / total).toFixed(1)}%`,
    // A sample may last longer than its CPU time when other processes compete for the CPU.
    ((self * cpu) / total / runs).toFixed(1),
  ]
  const ours = busy.filter(({ name }) => name.startsWith("ours:"))
  return Console.log(
    [
      Table.render(
        `${title}: ${Table.number(perSecond)} runs/s, ${(cpu / runs).toFixed(0)} µs of CPU per run`,
        ["whose code", "share", "µs per run"],
        [
          ...busy
            .filter(({ name, self }) => !name.startsWith("ours:") && self * 200 > total)
            .map(({ name, self }) => row(name, self)),
          row(
            "ours, all of it",
            ours.reduce((sum, { self }) => sum + self, 0),
          ),
          ...ours.filter(({ self }) => self * 200 > total).map(({ name, self }) => row(`  ${name}`, self)),
        ],
      ),
      Table.render(
        `${title}: the ${topFunctions} functions with most time of their own`,
        ["function", "share", "µs per run"],
        busyOf(profile.functions)
          .slice(0, topFunctions)
          .map(({ name, self }) => row(name, self)),
      ),
    ].join("\n"),
  )
}

const runs = Number(process.argv.find((argument) => argument.startsWith("--runs="))?.slice(7) ?? 10_000)

/** Profiles each process in a drain of its own, after a warm-up drain. */
const profiled = (
  title: string,
  store: Stores.StoreOptions,
  served: Stores.Served | undefined,
  others: Readonly<Record<string, Child.Child<unknown, Child.Common>>>,
) =>
  Effect.gen(function* () {
    const worker = yield* start("Runlease", {
      store,
      concurrency: Contenders.slots,
      noop: "effect",
      servers: 1,
      submits: false,
      ...(served && { served }),
    } satisfies Options)
    const drain = Effect.zipRight(worker.call("fill", runs), worker.call("drain", runs))
    yield* drain
    for (const [who, child] of Object.entries({ worker, ...others })) {
      yield* worker.call("fill", runs)
      yield* child.call("profileStart")
      const before = yield* child.call("cpu")
      const perSecond = yield* worker.call("drain", runs)
      const cpu = (yield* child.call("cpu")) - before
      const profile = yield* child.call("profileStop")
      yield* show({ title: `${title}, ${who}`, perSecond, profile, runs, cpu })
    }
  })

const program = Effect.gen(function* () {
  for (const backend of ["SQLite normal", "PostgreSQL"] as const) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const store = yield* Contenders.storeOf(backend, "profiled")
        yield* profiled(`In process, ${backend}`, store, undefined, {})
        const server = yield* Stores.server(store)
        yield* profiled(`Over the network, ${backend}`, store, server.ready, { server })
      }),
    )
  }
})

program.pipe(Effect.provide(Machine.layer), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
