import { NodeHttpServer } from "@effect/platform-node"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Config, Context, Effect, Layer, Option, Redacted } from "effect"
import { createServer } from "node:http"

/** The URL and the key of the fleet's control plane. */
export class Remote extends Context.Tag("example/Remote")<
  Remote,
  { readonly url: string; readonly key: Redacted.Redacted; readonly project: string }
>() {}

/** A control plane on a free loopback port, like `runlease serve`, for a start without a server. */
const standIn = Layer.effect(
  Remote,
  Effect.gen(function* () {
    const { RUNLEASE_API_KEY, RUNLEASE_URL } = yield* WorkerProcess.connection
    return { url: RUNLEASE_URL, key: Redacted.make(RUNLEASE_API_KEY), project: "default" }
  }),
).pipe(
  Layer.provideMerge(Server.layer),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provide(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

/** The server that RUNLEASE_URL, RUNLEASE_API_KEY and RUNLEASE_PROJECT name; else the control plane of this process. */
export const layer = Layer.unwrapEffect(
  Effect.gen(function* () {
    const url = yield* Config.option(Config.string("RUNLEASE_URL"))
    if (Option.isNone(url)) return standIn
    const key = yield* Config.redacted("RUNLEASE_API_KEY")
    const project = yield* Config.withDefault(Config.string("RUNLEASE_PROJECT"), "default")
    return Layer.succeed(Remote, { url: url.value, key, project })
  }),
)
