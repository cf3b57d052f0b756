import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Access, ControlPlane, Worker } from "@runlease/core"
import { Server } from "@runlease/http"
import { ChatFace } from "@runlease/http-chat"
import { SqlControlPlane } from "@runlease/sql"
import { Context, Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import * as Agent from "./agent.js"

/** Where the API listens, and a key of its project. */
export class Backend extends Context.Tag("example/Backend")<
  Backend,
  { readonly url: string; readonly key: string }
>() {}

const backend = Layer.effect(
  Backend,
  Effect.gen(function* () {
    const access = yield* Access.Access
    const project = yield* access.getProject("default")
    const { token } = yield* access.createKey({ projectId: project.id, name: "page", admin: false })
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return { url, key: Redacted.value(token) }
  }),
)

/** The API over a SQLite file, and a worker of the agent `assistant` in the same process. It needs a model. */
export const layer = (filename: string) =>
  Layer.mergeAll(
    backend,
    Server.layerWith({ faces: [ChatFace.face] }),
    Layer.provide(Worker.layerWith({ agentIds: ["assistant"] }), Agent.layer),
  ).pipe(
    Layer.provide(ControlPlane.layerProject()),
    Layer.provide(SqlControlPlane.layerSqlite({ filename })),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  )
