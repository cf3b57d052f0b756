import { Command, HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, ControlPlane, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { Console, Effect, Layer, Predicate, Redacted, Stream } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** What a worker process needs to find the control plane of this process. */
const connection = Effect.gen(function* () {
  const access = yield* Access.Access
  const project = yield* access.getProject(ControlPlane.defaultProject)
  const { token } = yield* access.createKey({ projectId: project.id, name: "checkpoint" })
  const { address } = yield* HttpServer.HttpServer
  return {
    RUNLEASE_URL: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`,
    RUNLEASE_API_KEY: Redacted.value(token),
  }
})

/** Starts a worker process. The Scope ends it. */
const startWorker = (name: string, environment: Readonly<Record<string, string>>) =>
  Command.make(process.execPath, ...process.execArgv, workerProgram).pipe(
    Command.env({ WORKER_NAME: name, ...environment }),
    Command.stderr("inherit"),
    Command.start,
  )

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const environment = yield* connection
  const { run } = yield* runs.submit({
    agentId: "reader",
    snapshot: RequestSnapshot.fromText("Read the book."),
  })

  const first = yield* startWorker("ada", { ...environment, DIES_AT: "4" })
  yield* Effect.exit(first.exitCode).pipe(
    Effect.zipRight(Console.log("ada was killed; her lease of 5 seconds has to end first")),
    Effect.zipRight(startWorker("brian", environment)),
    Effect.forkScoped,
  )

  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => {
    const { delta, name, type, value } = event
    if (type === "CUSTOM" && name === "reads" && Predicate.isRecord(value)) {
      return Console.log(`${String(value["name"])} reads page ${String(value["page"])}`)
    }
    return type === "TEXT_MESSAGE_CONTENT" ? Console.log(String(delta)) : Effect.void
  })
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(Effect.provide([controlPlane, NodeContext.layer]), NodeRuntime.runMain)
