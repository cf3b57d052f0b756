import {
  FetchHttpClient,
  HttpLayerRouter,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse,
} from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, Executor, Ids, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Option, Redacted, Schedule, Stream } from "effect"
import { createServer } from "node:http"
import * as Authentication from "../src/server/Authentication.js"
import * as Client from "../src/Client.js"
import * as Refusal from "../src/contract/Refusal.js"
import * as Server from "../src/Server.js"
import { call } from "./raw.js"
import { served, Served } from "./serving.js"

const listening = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

/** An application with routes of its own, and a page for whatever it does not know. */
const own = HttpLayerRouter.addAll([
  HttpLayerRouter.route("GET", "/", HttpServerResponse.text("home")),
  HttpLayerRouter.route("GET", "/runs/:id", HttpServerResponse.text("mine")),
  HttpLayerRouter.route("GET", "*", HttpServerResponse.text("no such page", { status: 404 })),
])

const application = <E, R>(mounted: Layer.Layer<never, E, R>) =>
  served.pipe(
    Layer.provideMerge(
      HttpLayerRouter.serve(Layer.merge(own, mounted), { disableLogger: true, disableListenLog: true }),
    ),
    Layer.provideMerge(listening),
    Layer.provideMerge(MemoryControlPlane.layer),
  )

const submitted = (runId: string, more = {}) =>
  call("POST", "/agents/runs", {
    body: { kind: "agent", public_id: runId, request: { agent_id: "agent" } },
    ...more,
  })

describe("under a prefix", () => {
  const test = <A, E>(title: string, body: Effect.Effect<A, E, Served>) =>
    it.live(title, () => Effect.provide(body, application(Server.mount("/agents"))))

  test(
    "the contract is beside an application's own routes, which stay what they are",
    Effect.gen(function* () {
      strictEqual((yield* call("GET", "/")).text, "home")
      strictEqual((yield* call("GET", "/runs/1")).text, "mine")
      const elsewhere = yield* call("GET", "/nowhere")
      deepStrictEqual([elsewhere.status, elsewhere.text], [404, "no such page"])
      strictEqual((yield* submitted("run-1")).status, 202)
      strictEqual((yield* call("GET", "/agents/runs/run-1?x=1")).json.run_id, "run-1")
      const nothing = yield* call("GET", "/agents/nowhere")
      deepStrictEqual([nothing.status, nothing.json.error], [404, "not_found"])
      const notAllowed = yield* call("PUT", "/agents/runs/run-1")
      deepStrictEqual([notAllowed.status, notAllowed.headers.get("allow")], [405, "GET, PATCH"])
      strictEqual((yield* call("HEAD", "/agents/healthz")).status, 200)
    }),
  )

  test(
    "ids may be as long as anywhere, encoded or not",
    Effect.gen(function* () {
      for (const runId of ["a".repeat(128), "é".repeat(128), "a/b ".repeat(32)]) {
        strictEqual((yield* submitted(runId)).status, 202)
        const read = yield* call("GET", `/agents/runs/${encodeURIComponent(runId)}`)
        deepStrictEqual([read.status, read.json.run_id], [200, runId])
      }
    }),
  )

  test(
    "its description says where it is",
    Effect.gen(function* () {
      deepStrictEqual((yield* call("GET", "/agents/openapi.json")).json.servers, [{ url: "/agents" }])
      assertTrue((yield* call("GET", "/agents/docs")).text.includes('"/agents"'))
    }),
  )

  it.live("a worker and its client find it by its URL", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const client = Client.layerWith({ baseUrl: `${url}/agents`, token: Redacted.make(key) }).pipe(
        Layer.provide(FetchHttpClient.layer),
      )
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { run } = yield* runs.submit({ agentId: Ids.AgentId.make("agent") })
        yield* Worker.make({ concurrency: 1 })
        yield* Effect.repeat(runs.get(run.runId), {
          until: ({ status }) => status === "completed",
          schedule: Schedule.spaced("20 millis"),
        })
        strictEqual((yield* runs.get(run.runId)).error, null)
      }).pipe(
        Effect.scoped,
        Effect.provide(client),
        Effect.provideService(Executor.Executor, { execute: () => Stream.empty }),
      )
    }).pipe(Effect.provide(application(Server.mount("/agents/")))),
  )

  it.live("it is an app for a router of another sort", () =>
    Effect.gen(function* () {
      strictEqual((yield* call("GET", "/")).text, "home")
      const runId = "é".repeat(128)
      strictEqual((yield* submitted(runId)).status, 202)
      strictEqual((yield* call("GET", `/agents/runs/${encodeURIComponent(runId)}`)).json.run_id, runId)
    }).pipe(
      Effect.provide(
        served.pipe(
          Layer.provideMerge(
            Layer.unwrapScoped(
              Effect.map(Server.app({ url: "/agents" }), (app) =>
                HttpRouter.empty.pipe(
                  HttpRouter.get("/", HttpServerResponse.text("home")),
                  HttpRouter.mountApp("/agents", app),
                  HttpServer.serve(),
                ),
              ),
            ),
          ),
          Layer.provideMerge(listening),
          Layer.provideMerge(MemoryControlPlane.layer),
        ),
      ),
    ),
  )
})

describe("an application's own authentication", () => {
  /** Users of project `default` come by a header that a proxy in front has checked; workers by their tokens. */
  const byHeader = Layer.effect(
    Authentication.Authentication,
    Effect.gen(function* () {
      const access = yield* Access.Access
      const project = yield* access.getProject("default")
      const tokens = yield* Authentication.make
      return {
        identify: (request: HttpServerRequest.HttpServerRequest) => {
          const user = request.headers["x-user"]
          if (user === undefined) return tokens.identify(request)
          return user === "banned"
            ? Effect.fail(Refusal.make(403, "banned", "This user may not use agents"))
            : Effect.succeed(
                Option.some({
                  _tag: "ApiKey" as const,
                  keyId: Ids.KeyId.make("00000000-0000-4000-8000-000000000000"),
                  projectId: project.id,
                  admin: user === "root",
                }),
              )
        },
      }
    }),
  )

  it.live("says who calls, and leaves workers their tokens", () =>
    Effect.gen(function* () {
      const as = (user: string) => ({ token: null, headers: { "x-user": user } })
      strictEqual((yield* submitted("run-1", { token: null })).status, 401)
      strictEqual((yield* submitted("run-1", as("someone"))).status, 202)
      strictEqual((yield* call("GET", "/agents/projects", as("someone"))).status, 403)
      strictEqual((yield* call("GET", "/agents/projects", as("root"))).status, 200)
      const banned = yield* call("GET", "/agents/runs/run-1", as("banned"))
      deepStrictEqual([banned.status, banned.json.error], [403, "banned"])
      const { json } = yield* call("POST", "/agents/agent-workers/projects/default/workers", {
        ...as("someone"),
        body: { implementation_kind: "kind", worker_key: "w" },
      })
      const claimed = yield* call("POST", `/agents/agent-workers/workers/${json.worker.id}/claim`, {
        token: json.token,
      })
      strictEqual(claimed.json.run.run_id, "run-1")
      strictEqual((yield* call("GET", "/")).text, "home")
    }).pipe(Effect.provide(application(Server.mount("/agents", { authentication: byHeader })))),
  )
})
