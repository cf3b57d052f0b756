import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { BrowserTokens, Executor, RequestSnapshot, Runs, Worker } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { Effect, Layer, Redacted } from "effect"
import * as Users from "./Users.js"

/** A route of the application. It submits a run, does not wait for it, and answers with a token by which a page may read that run alone. */
const greet = HttpLayerRouter.use((router) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const tokens = yield* BrowserTokens.BrowserTokens
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
        const { token } = yield* Effect.orDie(
          tokens.issue({ scopes: ["read"], boundTo: { _tag: "Run", runId: run.runId } }),
        )
        return HttpServerResponse.unsafeJson(
          { run: run.runId, token: Redacted.value(token) },
          { status: 202 },
        )
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
  Layer.provide(BrowserTokens.layerAccess()),
  Layer.provide(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)
