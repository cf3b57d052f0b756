import { Command, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, ControlPlane, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { Console, Effect, Layer, Redacted, Ref, Stream } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

const urlOf = ({ address }: Pick<HttpServer.HttpServer, "address">) =>
  `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`

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
  return { url: urlOf(server), asked: Ref.get(asked) }
})

/** What a worker process needs to find the control plane of this process. */
const connection = Effect.gen(function* () {
  const access = yield* Access.Access
  const project = yield* access.getProject(ControlPlane.defaultProject)
  const { token } = yield* access.createKey({ projectId: project.id, name: "research-team" })
  return { RUNLEASE_URL: urlOf(yield* HttpServer.HttpServer), RUNLEASE_API_KEY: Redacted.value(token) }
})

/** Starts a worker process. The Scope ends it. */
const startWorker = (environment: Readonly<Record<string, string>>) =>
  Command.make(process.execPath, ...process.execArgv, workerProgram).pipe(
    Command.env(environment),
    Command.stderr("inherit"),
    Command.start,
  )

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const model = yield* makeModel
  const environment = { ...(yield* connection), MODEL_URL: model.url }
  const { run } = yield* runs.submit({ agentId: "lead", snapshot: RequestSnapshot.fromText("Research.") })

  const ada = yield* startWorker({ ...environment, CONCURRENCY: "1", DIES_AT: "4" })
  yield* Effect.exit(ada.exitCode)
  yield* Console.log("ada was killed in the middle of an answer; brian goes on")
  yield* startWorker(environment)

  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) =>
    event.type === "TEXT_MESSAGE_CONTENT" ? Console.log(String(event["delta"])) : Effect.void,
  )
  const children = yield* runs.list({ parentRunId: run.runId })
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
