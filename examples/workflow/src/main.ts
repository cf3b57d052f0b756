import { Command } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { DurableDeferred } from "@effect/workflow"
import { Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { RunleaseWorkflowEngine } from "@runlease/workflow"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Console, Effect, Exit, Fiber, Layer, Schedule } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { Approval, Order } from "./order.js"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** Starts a worker process. The Scope ends it. */
const startWorker = (name: string, environment: Readonly<Record<string, string>>) =>
  WorkerProcess.command(workerProgram, { WORKER_NAME: name, ...environment }).pipe(
    Command.stdout("inherit"),
    Command.start,
  )

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const environment = yield* WorkerProcess.connection
  const payload = { id: "order-1", item: "chairs", count: 3 }
  const executionId = yield* Order.executionId(payload)
  const ordering = yield* Effect.fork(Order.execute(payload))

  const ada = yield* startWorker("ada", { ...environment, DIES_AT: "charges" })
  yield* Effect.exit(ada.exitCode)
  yield* Console.log("ada was killed; her lease of 5 seconds has to end first")
  yield* startWorker("brian", environment)

  // It waits for the clock first, and then for nothing but the approval.
  yield* Effect.repeat(runs.list({ status: "waiting" }), {
    schedule: Schedule.spaced("50 millis"),
    until: ({ items }) => items.some(({ waiting }) => waiting?.wakesAt === undefined),
  })
  yield* Console.log("the order waits for an approval, without a worker")
  yield* DurableDeferred.done(Approval, {
    token: DurableDeferred.tokenFromExecutionId(Approval, { workflow: Order, executionId }),
    exit: Exit.succeed("carol"),
  })
  yield* Console.log(`the order gives: ${yield* Fiber.join(ordering)}`)
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(
  Effect.provide(RunleaseWorkflowEngine.layer),
  Effect.provide([controlPlane, NodeContext.layer]),
  NodeRuntime.runMain,
)
