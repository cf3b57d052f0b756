import { Command, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Console, Effect, Layer, Ref } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { Lead } from "./agents.js"

const topics = ["bees", "clouds", "glass", "salt", "tides"]

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** A model that takes a while to answer. Each answer that it begins is paid. */
const makeModel = Effect.gen(function* () {
  const asked = yield* Ref.make<ReadonlyArray<string>>([])
  const server = yield* NodeHttpServer.make(() => createServer(), { port: 0, host: "127.0.0.1" })
  yield* server.serve(
    Effect.gen(function* () {
      const question = yield* (yield* HttpServerRequest.HttpServerRequest).text
      yield* Ref.update(asked, (all) => [...all, question])
      yield* Effect.sleep("100 millis")
      return HttpServerResponse.text(`answer to "${question}"`)
    }),
  )
  return { url: HttpServer.formatAddress(server.address), asked: Ref.get(asked) }
})

/** Starts a worker process. The Scope ends it. */
const startWorker = (environment: Readonly<Record<string, string>>) =>
  Command.start(WorkerProcess.command(workerProgram, environment))

const program = Effect.gen(function* () {
  const model = yield* makeModel
  const environment = { ...(yield* WorkerProcess.connection), MODEL_URL: model.url }
  const { run } = yield* Lead.submit({ topics })

  const ada = yield* startWorker({ ...environment, CONCURRENCY: "1", DIES_AT: "4" })
  yield* Effect.exit(ada.exitCode)
  yield* Console.log("ada was killed in the middle of an answer; brian goes on")
  yield* startWorker(environment)

  const { findings, summary } = yield* Lead.await(run.runId)
  for (const { checked, found } of findings) yield* Console.log(`${found}; ${checked}`)
  yield* Console.log(summary)
  const children = yield* (yield* Runs.Runs).list({ parentRunId: run.runId })
  const asked = yield* model.asked
  yield* Console.log(
    `The bill: ${children.items.length + 1} runs, ${new Set(asked).size} questions, ${asked.length} answers`,
  )
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(Effect.provide([controlPlane, NodeContext.layer]), NodeRuntime.runMain)
