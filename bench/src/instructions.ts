/** Prints how many instructions the runtime of Effect executes for a no-op run and for a step. Two numbers of slots tell what a commit costs. */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Step } from "@runlease/core"
import { Console, Effect, RuntimeFlags, RuntimeFlagsPatch, Supervisor } from "effect"
import * as DrainRate from "./DrainRate.js"
import * as Backlog from "./hand/Backlog.js"
import * as Machine from "./Machine.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

class Counter extends Supervisor.AbstractSupervisor<void> {
  count = 0
  readonly value = Effect.void
  override onEffect(): void {
    this.count += 1
  }
}

/** The instructions of `use`, and of the fibers that `prepare` has started, meanwhile. */
const countOf = <A, B, E, E2, R, R2>(
  prepare: Effect.Effect<A, E, R>,
  use: (prepared: A) => Effect.Effect<B, E2, R2>,
): Effect.Effect<number, E | E2, R | R2> =>
  Effect.suspend(() => {
    const counter = new Counter()
    const counted = Effect.flatMap(prepare, (prepared) => {
      counter.count = 0
      return Effect.map(use(prepared), () => counter.count)
    })
    return counted.pipe(
      Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision)),
      Effect.provide(Supervisor.addSupervisor(counter)),
    )
  })

const runs = 2400
const steps = 100

const inSteps = Effect.forEach(
  Array.from({ length: steps }, (_, index) => index),
  (key) => Step.run("work", Effect.succeed(key), { key }),
  { discard: true },
).pipe(Effect.orDie)

/** The instructions from the start of a worker until its last run has ended. */
const drained = (store: Stores.StoreOptions, load: Omit<DrainRate.Options, "nearEnd">) =>
  Effect.gen(function* () {
    yield* Backlog.fill(store, { pending: load.runs })
    const ended = yield* Effect.makeLatch()
    let left = load.runs
    const end = Effect.suspend(() => {
      left -= 1
      return left === 0 ? ended.open : Effect.void
    })
    const execution = Effect.isEffect(load.execution) ? Effect.ensuring(load.execution, end) : load.execution
    return yield* countOf(Stores.local(store), (ports) =>
      DrainRate.perSecond(ports, { ...load, execution, nearEnd: ended.await }),
    ).pipe(Effect.scoped)
  })

const rowsOf = (name: string, store: Stores.StoreOptions) =>
  Effect.gen(function* () {
    yield* Effect.scoped(Stores.local(store))
    const rows: Array<ReadonlyArray<string>> = []
    for (const concurrency of [24, 100]) {
      const count = yield* drained(store, { runs, concurrency, execution: Effect.void })
      rows.push([`${name}: a no-op run`, String(concurrency), Table.number(count / runs)])
    }
    for (const concurrency of [1, 24]) {
      const load = { runs: concurrency, concurrency, execution: inSteps }
      const count = yield* drained(store, load)
      rows.push([`${name}: a step`, String(concurrency), Table.number(count / concurrency / steps)])
    }
    return rows
  })

const main = Effect.gen(function* () {
  const sqlite = yield* rowsOf("SQLite", yield* Machine.sqlite("instructions", "normal"))
  const postgres = yield* rowsOf("PostgreSQL", yield* Machine.postgres("instructions"))
  yield* Console.log(
    Table.render("Instructions of Effect", ["what", "slots", "instructions"], [...sqlite, ...postgres]),
  )
})

main.pipe(
  Effect.scoped,
  Effect.provide(Machine.layer),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain,
)
