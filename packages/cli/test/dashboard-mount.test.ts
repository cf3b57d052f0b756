/** The dashboard in an application of one's own, below a prefix. */
import {
  FileSystem,
  HttpLayerRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse,
} from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Dashboard } from "@runlease/dashboard"
import { Server } from "@runlease/http"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"

const mounted = Layer.unwrapEffect(
  Effect.map(Dashboard.inFront({ prefix: "/agents" }), (inFront) => Server.mount("/agents", { inFront })),
)

const own = HttpLayerRouter.route("GET", "/", HttpServerResponse.text("home"))

const application = HttpLayerRouter.serve(Layer.merge(HttpLayerRouter.addAll([own]), mounted), {
  disableLogger: true,
  disableListenLog: true,
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(MemoryControlPlane.layer),
  Layer.provideMerge(NodeContext.layer),
)

const get = (path: string, accept = "text/html") =>
  Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
    Effect.promise(async () => {
      const port = address._tag === "TcpAddress" ? address.port : 0
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { accept } })
      return { status: response.status, headers: response.headers, text: await response.text() }
    }),
  )

it.scopedLive("each address below the prefix is a page for a browser and JSON for others", () =>
  Effect.gen(function* () {
    expect((yield* get("/")).text).toBe("home")
    const page = yield* get("/agents/runs/some-run")
    expect(page.text).toContain('<base href="/agents/" />')
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self'")
    expect(page.headers.get("vary")).toBe("accept")
    const [, script] = /src="\.\/(assets\/[^"]+\.js)"/.exec(page.text)!
    const file = yield* get(`/agents/${script}`, "*/*")
    expect(file.status).toBe(200)
    expect(file.headers.get("cache-control")).toContain("immutable")
    const refused = yield* get("/agents/runs/some-run", "application/json")
    expect([refused.status, JSON.parse(refused.text).error]).toEqual([401, "unauthorized"])
    expect((yield* get("/agents/openapi.json")).headers.get("content-type")).toContain("json")
    expect((yield* get("/agents/assets/no-such-file.js", "*/*")).status).toBe(404)
  }).pipe(Effect.provide(application)),
)

it.scopedLive("reads the files of the pages at the first request for one", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    let lists = 0
    const readDirectory: typeof fs.readDirectory = (...of) =>
      Effect.suspend(() => {
        lists += 1
        return fs.readDirectory(...of)
      })
    const inFront = yield* Effect.provideService(Dashboard.inFront(), FileSystem.FileSystem, {
      ...fs,
      readDirectory,
    })
    const answerTo = (path: string, accept: string) =>
      inFront(Effect.succeed(HttpServerResponse.text("api"))).pipe(
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request(`http://localhost${path}`, { headers: { accept } })),
        ),
        Effect.flatMap((answer) => Effect.promise(() => HttpServerResponse.toWeb(answer).text())),
      )
    for (const path of ["/runs", "/openapi.json"]) expect(yield* answerTo(path, "*/*")).toBe("api")
    expect(lists).toBe(0)
    expect(yield* answerTo("/runs", "text/html")).toContain('<base href="/" />')
    expect(yield* answerTo("/icon.svg", "*/*")).toContain("<svg")
    expect(lists).toBe(1)
  }).pipe(Effect.provide(NodeContext.layer)),
)
