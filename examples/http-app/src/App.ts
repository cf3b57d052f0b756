import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { Executor, RequestSnapshot, Runs, Worker } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { Effect, Layer } from "effect"
import * as Users from "./Users.js"

/** A route of the application. It submits a run and does not wait for it. */
const greet = HttpLayerRouter.use((router) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    yield* router.add(
      "POST",
      "/greetings/:name",
      Effect.gen(function* () {
        const { name = "" } = yield* HttpLayerRouter.params
        const { run } = yield* Effect.orDie(
          runs.submit({
            publicId: `greet-${name}`,
            agentId: "greeter",
            snapshot: RequestSnapshot.fromText(name),
          }),
        )
        return HttpServerResponse.unsafeJson({ run: run.runId }, { status: 202 })
      }),
    )
  }),
)

const agent = Executor.layerFrom((run) =>
  Effect.succeed(`Hello, ${RequestSnapshot.lastUserText(run.snapshot)}!`),
)

/** The application's routes, the API of the runs under /agents, and a worker, over one store. */
export const layer = HttpLayerRouter.serve(
  Layer.mergeAll(greet, Server.mount("/agents", { authentication: Users.authentication })),
  { disableLogger: true, disableListenLog: true },
).pipe(
  Layer.merge(Worker.layerWith({ concurrency: 4 }).pipe(Layer.provide(agent))),
  Layer.provide(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)
