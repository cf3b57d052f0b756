import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { BrowserTokens, Worker } from "@runlease/core"
import { Dashboard } from "@runlease/dashboard"
import { Server } from "@runlease/http"
import { Effect, Layer, Redacted } from "effect"
import { agent, Payload, Summary } from "./summary.js"

const body = HttpServerRequest.schemaBodyJson(Payload)

/**
 * A route of the application. It submits a run, does not wait for it, and answers with a token by which a page may read that run alone. Check
 * your user here.
 */
const summaries = HttpLayerRouter.use((router) =>
  Effect.gen(function* () {
    const tokens = yield* BrowserTokens.BrowserTokens
    yield* router.add(
      "POST",
      "/summaries",
      Effect.gen(function* () {
        const { run } = yield* Summary.submit(yield* body)
        const { token } = yield* tokens.issue({
          scopes: ["read"],
          boundTo: { _tag: "Run", runId: run.runId },
        })
        return HttpServerResponse.unsafeJson(
          { run: run.runId, token: Redacted.value(token) },
          { status: 202 },
        )
      }),
    )
  }),
)

/** The API of the runs, and the dashboard, below /agents. */
const api = Layer.unwrapEffect(
  Effect.map(Dashboard.inFront({ prefix: "/agents" }), (inFront) => Server.mount("/agents", { inFront })),
)

/** The routes, the API and a worker, over the store that you provide. */
export const layer = HttpLayerRouter.serve(Layer.mergeAll(summaries, api), { disableLogger: true }).pipe(
  Layer.merge(Worker.layerWith({ agentIds: [Summary.name] }).pipe(Layer.provide(agent))),
  Layer.provide(BrowserTokens.layerAccess()),
)
