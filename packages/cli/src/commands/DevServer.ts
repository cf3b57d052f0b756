/**
 * The server of `runlease dev`: the API over its store, the dashboard and the documentation. It has a third of what the command loads, so it is loaded
 * while the worker starts.
 */
import { Access, ControlPlane } from "@runlease/core"
import { Dashboard } from "@runlease/dashboard"
import { Docs } from "@runlease/docs"
import * as Server from "@runlease/http/Server"
import * as WebhookSender from "@runlease/http/WebhookSender"
import { Context, Effect, Layer, type Redacted } from "effect"
import type * as Database from "../input/Database.js"
import { faces } from "./Faces.js"
import * as LocalStore from "./LocalStore.js"
import type * as SignInLink from "./SignInLink.js"

export interface DevServer {
  readonly database: Database.Sqlite | Database.Postgres
  /** The key of the folder, which the server takes from the first request on. */
  readonly apiKey: Redacted.Redacted
  readonly signIn: SignInLink.SignInLink
}

/** Serves until the Scope closes. Returns the ports of the project that the worker has. */
export const start = Effect.fnUntraced(function* ({ apiKey, database, signIn }: DevServer) {
  const store = yield* Layer.build(LocalStore.controlPlane(database, "normal"))
  const access = Context.get(store, Access.Access)
  const { id: projectId } = yield* access.getProject(ControlPlane.defaultProject)
  const { key } = yield* access.createKey({ projectId, name: "dev", admin: true, token: apiKey })
  yield* signIn.activate(access, key)
  const docs = yield* Docs.inFront()
  const dashboard = yield* Dashboard.inFront()
  const server = Server.layerWith({
    rateLimit: Infinity,
    faces,
    inFront: (api) => signIn.inFront(docs(dashboard(api))),
  })
  yield* Layer.build(
    Layer.provide(Layer.merge(server, WebhookSender.layerConfig), Layer.succeedContext(store)),
  )
  return Context.get(store, ControlPlane.ControlPlane).project(projectId)
})
