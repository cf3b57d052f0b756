/**
 * A server of the API that sends webhooks to this machine, until it is killed. Attempts follow each other within seconds, and those of a
 * server that was killed too.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Access, ControlPlane } from "@runlease/core"
import * as Server from "@runlease/http/Server"
import * as WebhookSender from "@runlease/http/WebhookSender"
import { SqlControlPlane } from "@runlease/sql"
import { Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"

const [, , at = "", port = "", apiKey = ""] = process.argv

const store = at.startsWith("postgres")
  ? SqlControlPlane.layerPostgres({ url: Redacted.make(at), maxConnections: 8 })
  : SqlControlPlane.layerSqlite({ filename: at })

const key = Layer.effectDiscard(
  Effect.gen(function* () {
    const access = yield* Access.Access
    const { id: projectId } = yield* access.getProject(ControlPlane.defaultProject)
    yield* access.createKey({ projectId, name: "test", admin: true, token: Redacted.make(apiKey) })
  }),
)

const sender = WebhookSender.layerWith({
  allow: "127.0.0.1",
  claimMillis: 5000,
  timeoutMillis: 4000,
  retrySeconds: [0.1, 0.2, 0.5, 1, 1, 1, 1, 1, 1],
})

await Layer.mergeAll(Server.layerWith({ rateLimit: Infinity }), sender, key).pipe(
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: Number(port), host: "127.0.0.1" })),
  Layer.provide(store),
  Layer.launch,
  Effect.runPromise,
)
