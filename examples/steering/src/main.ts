import { Command, HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, ControlPlane, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { Chunk, Console, Effect, Layer, Option, Redacted, Stream } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import * as StandIn from "./StandIn.js"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** What a worker process needs to find the control plane of this process. */
const connection = Effect.gen(function* () {
  const access = yield* Access.Access
  const project = yield* access.getProject(ControlPlane.defaultProject)
  const { token } = yield* access.createKey({ projectId: project.id, name: "steering" })
  const { address } = yield* HttpServer.HttpServer
  return {
    RUNLEASE_URL: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`,
    RUNLEASE_API_KEY: Redacted.value(token),
  }
})

/** Starts a worker process. The Scope ends it. */
const startWorker = (environment: Readonly<Record<string, string>>) =>
  Command.make(process.execPath, ...process.execArgv, workerProgram).pipe(
    Command.env(environment),
    Command.stderr("inherit"),
    Command.start,
  )

const correction = "No planes, please."

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const model = yield* StandIn.make
  const environment = { ...(yield* connection), MODEL_URL: model.url }
  const { run } = yield* runs.submit({
    agentId: "planner",
    snapshot: RequestSnapshot.fromText("How do I get from Paris to Lisbon?"),
  })
  const texts = log
    .follow({ runId: run.runId })
    .pipe(
      Stream.filterMap(({ event }) =>
        event.type === "TEXT_MESSAGE_CONTENT" ? Option.some(String(event["delta"])) : Option.none(),
      ),
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
    const times = request.split(correction).length - 1
    yield* Console.log(`Request ${index + 1} to the model had the correction ${times} times.`)
  }
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(Effect.provide([controlPlane, NodeContext.layer]), NodeRuntime.runMain)
