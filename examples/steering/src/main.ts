import { Command } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Chunk, Console, Effect, Layer, Option, Stream } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** Starts a worker process. The Scope ends it. */
const startWorker = (environment: Readonly<Record<string, string>>) =>
  Command.start(WorkerProcess.command(workerProgram, environment))

/** A stand-in for a model, with the protocol of a real one. It takes for ever to end its first answer. */
const standIn = ModelServer.layer((_request, before) =>
  before === 0
    ? Stream.concat(Stream.make("First you take the plane to Lisbon."), Stream.never)
    : Stream.make("First you take the night train to Lisbon."),
).pipe(Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))

const correction = "No planes, please."

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const model = yield* ModelServer.ModelServer
  const environment = { ...(yield* WorkerProcess.connection), MODEL_URL: model.url }
  const { run } = yield* runs.submit({
    agentId: "planner",
    snapshot: RequestSnapshot.fromText("How do I get from Paris to Lisbon?"),
  })
  const texts = log.follow({ runId: run.runId }).pipe(
    Stream.map(({ event }) => event),
    Stream.filter(AgentEvent.is("TEXT_MESSAGE_CONTENT")),
    Stream.map(({ delta }) => delta),
  )

  const ada = yield* startWorker(environment)
  yield* Console.log(`ada:   ${Option.getOrThrow(yield* Stream.runHead(texts))}`)
  yield* runs.tell(run.runId, { parts: [RequestSnapshot.textPart(correction)] })
  yield* Console.log(`you:   ${correction}`)
  yield* ada.kill("SIGKILL")
  yield* Console.log("ada was killed before she asked the model with that; brian goes on")

  yield* startWorker(environment)
  yield* Console.log(`brian: ${Chunk.unsafeLast(yield* Stream.runCollect(texts))}`)
  for (const [index, request] of (yield* model.requests).entries()) {
    const times = request.messages.filter((message) => ModelServer.textOf(message) === correction).length
    yield* Console.log(`Request ${index + 1} to the model had the correction ${times} times.`)
  }
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(Effect.provide([controlPlane, standIn, NodeContext.layer]), NodeRuntime.runMain)
