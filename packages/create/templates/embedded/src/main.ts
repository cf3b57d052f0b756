import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, ControlPlane } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { Config, Effect, Layer } from "effect"
import { createServer } from "node:http"
import * as App from "./App.js"
import { devKey } from "./DevKey.js"

/** Stores the key that signs in to the dashboard. */
const key = Layer.effectDiscard(
  Effect.gen(function* () {
    const access = yield* Access.Access
    const project = yield* access.getProject(ControlPlane.defaultProject)
    yield* access.createKey({ projectId: project.id, name: "dev", admin: true, token: yield* devKey })
    yield* Effect.logInfo("The dashboard is below /agents/, and its key is in .runlease/dev.key")
  }),
)

const server = Layer.unwrapEffect(
  Effect.map(Config.withDefault(Config.port("PORT"), 3000), (port) =>
    NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" }),
  ),
)

Layer.merge(key, App.layer).pipe(
  Layer.provide(SqlControlPlane.layerSqlite({ filename: "runs.sqlite" })),
  Layer.provide([server, NodeContext.layer]),
  Layer.launch,
  NodeRuntime.runMain,
)
