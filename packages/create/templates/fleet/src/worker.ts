/** One worker process. Start as many as you like, on any machine that reaches the server. */
import { NodeRuntime } from "@effect/platform-node"
import { Worker } from "@runlease/core"
import { Config, Effect } from "effect"
import { agentOf } from "./agent.js"
import { connection } from "./connection.js"

const name = Config.withDefault(Config.string("WORKER_NAME"), `worker-${process.pid}`)

const worker = Effect.flatMap(name, (workerKey) =>
  Effect.provide(Worker.run({ workerKey, concurrency: 2 }), agentOf(workerKey)),
)

worker.pipe(Effect.provide(connection), NodeRuntime.runMain)
