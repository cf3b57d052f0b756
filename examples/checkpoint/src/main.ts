import { Command } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** Starts a worker process. The Scope ends it. */
const startWorker = (name: string, environment: Readonly<Record<string, string>>) =>
  Command.start(WorkerProcess.command(workerProgram, { WORKER_NAME: name, ...environment }))

/** The event of a worker that reads a page. */
const decodePage = Schema.decodeUnknown(Schema.Struct({ name: Schema.String, page: Schema.Int }))

const shown = AgentEvent.match({
  CUSTOM: ({ name, value }) =>
    name === "reads"
      ? Effect.flatMap(decodePage(value), (read) => Console.log(`${read.name} reads page ${read.page}`))
      : Effect.void,
  TEXT_MESSAGE_CONTENT: ({ delta }) => Console.log(delta),
  orElse: () => Effect.void,
})

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const environment = yield* WorkerProcess.connection
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

  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => shown(event))
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(Effect.provide([controlPlane, NodeContext.layer]), NodeRuntime.runMain)
