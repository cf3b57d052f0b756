/** The documentation in front of the API. `site` is a small build, of the kinds of file that a build has. */
import { HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Docs } from "@runlease/docs"
import { Server } from "@runlease/http"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const built = fileURLToPath(new URL("site", import.meta.url))

const serving = (folder: string) =>
  Layer.unwrapEffect(Effect.map(Docs.inFront({ folder }), (inFront) => Server.layerWith({ inFront }))).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provideMerge(MemoryControlPlane.layer),
    Layer.provideMerge(NodeContext.layer),
  )

const get = (path: string) =>
  Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
    Effect.promise(async () => {
      const port = address._tag === "TcpAddress" ? address.port : 0
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual" })
      const { headers, status } = answer
      return { status, headers, type: headers.get("content-type"), text: await answer.text() }
    }),
  )

it.scopedLive("a built site is pages, their Markdown, and files that never change", () =>
  Effect.gen(function* () {
    const home = yield* get("/docs/")
    expect([home.status, home.type]).toEqual([200, "text/html; charset=utf-8"])
    const [, script = ""] = /<script>([\s\S]*?)<\/script>/.exec(home.text) ?? []
    const digest = createHash("sha256").update(script).digest("base64")
    expect(script).toContain("document.title")
    expect(home.headers.get("content-security-policy")).toContain(`script-src 'self' 'sha256-${digest}';`)
    for (const [path, status, type] of [
      ["/docs/guide", 200, "text/html; charset=utf-8"],
      ["/docs/guide.md", 200, "text/markdown; charset=utf-8"],
      ["/docs/llms.txt", 200, "text/plain; charset=utf-8"],
      ["/docs/assets/app.1a2b3c.js", 200, "text/javascript; charset=utf-8"],
      ["/docs/part/", 200, "text/html; charset=utf-8"],
      ["/docs/no-such-page", 404, "text/html; charset=utf-8"],
      ["/docs/..%2fdocs.test.ts", 404, "text/html; charset=utf-8"],
      ["/docs/api", 200, "text/html"],
      ["/openapi.json", 200, "application/json"],
    ] as const) {
      const answer = yield* get(path)
      expect([path, answer.status, answer.type]).toEqual([path, status, type])
    }
    const asset = yield* get("/docs/assets/app.1a2b3c.js")
    expect(asset.headers.get("cache-control")).toContain("immutable")
    expect((yield* get("/docs/no-such-page")).text).toContain("No such page")
    expect((yield* get("/docs/api")).text).toContain("/agent-workers/workers/{worker_id}/claim")
    for (const [path, location] of [
      ["/docs", "/docs/"],
      ["/docs/part", "/docs/part/"],
    ] as const) {
      const answer = yield* get(path)
      expect([answer.status, answer.headers.get("location")]).toEqual([308, location])
    }
  }).pipe(Effect.provide(serving(built))),
)

it.scopedLive("without a build, an address of the site says how to build it", () =>
  Effect.gen(function* () {
    for (const path of ["/docs", "/docs/guide"]) {
      const answer = yield* get(path)
      expect([answer.status, answer.type]).toEqual([404, "text/plain"])
      expect(answer.text).toContain("npx pnpm@10 site")
    }
    expect((yield* get("/docs/api")).status).toBe(200)
    expect((yield* get("/healthz")).text).toContain("ok")
  }).pipe(Effect.provide(serving(`${built}/no-such-folder`))),
)
