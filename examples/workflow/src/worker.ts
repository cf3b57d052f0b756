import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Activity, DurableClock, DurableDeferred } from "@effect/workflow"
import { Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { RunleaseWorkflowEngine } from "@runlease/workflow"
import { Config, Console, Effect, Layer, Logger, LogLevel, Schema } from "effect"
import { Approval, Order, OutOfStock } from "./order.js"

/** One worker process. WORKER_NAME is its name, and DIES_AT what it does when it is killed, if anything. */
const settings = Config.all({
  name: Config.string("WORKER_NAME"),
  diesAt: Config.withDefault(Config.string("DIES_AT"), ""),
})

/** Says what it does, which takes a while. */
const work = (what: string) =>
  Effect.gen(function* () {
    const { diesAt, name } = yield* settings
    yield* Console.log(`${name} ${what}`)
    yield* Effect.sleep("100 millis")
    if (what.startsWith(diesAt) && diesAt !== "") process.kill(process.pid, "SIGKILL")
  }).pipe(Effect.orDie)

const order = Order.toLayer(({ count, item }) =>
  Effect.gen(function* () {
    yield* Activity.make({
      name: "reserve",
      error: OutOfStock,
      execute: count > 10 ? new OutOfStock({ item }) : work(`reserves ${count} ${item}`),
    }).pipe(
      Order.withCompensation(() =>
        Activity.make({ name: "give back", execute: work(`gives back ${count} ${item}`) }),
      ),
    )
    yield* Activity.make({ name: "charge", execute: work("charges the card") })
    yield* DurableClock.sleep({
      name: "time to change one's mind",
      duration: "1 second",
      inMemoryThreshold: "0 seconds",
    })
    const name = yield* DurableDeferred.await(Approval)
    return yield* Activity.make({
      name: "ship",
      success: Schema.String,
      execute: Effect.as(work(`ships ${count} ${item}, as ${name} has approved`), "parcel 1"),
    })
  }),
)

const engine = order.pipe(
  Layer.provideMerge(RunleaseWorkflowEngine.layer),
  Layer.provideMerge(Client.layerConfig),
  Layer.provide(FetchHttpClient.layer),
)

Worker.run({ agentIds: [RunleaseWorkflowEngine.agentIdOf(Order)], leaseDuration: "5 seconds" }).pipe(
  Effect.provide(engine),
  // Its output is what the workflow does.
  Effect.provide(Logger.minimumLogLevel(LogLevel.Warning)),
  NodeRuntime.runMain,
)
