/** The documentation for clients of the Model Context Protocol, by the client of the protocol's own package. */
import { HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Docs } from "@runlease/docs"
import { Server } from "@runlease/http"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const built = fileURLToPath(new URL("site", import.meta.url))

const serving = (folder: string) =>
  Layer.unwrapEffect(Effect.map(Docs.inFront({ folder }), (inFront) => Server.layerWith({ inFront }))).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provideMerge(MemoryControlPlane.layer),
    Layer.provideMerge(NodeContext.layer),
  )

const address = Effect.map(HttpServer.HttpServer, ({ address }) =>
  address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}/docs/mcp` : "",
)

const connected = Effect.flatMap(address, (url) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "test", version: "1.0.0" })
      await client.connect(new StreamableHTTPClientTransport(new URL(url)))
      return client
    }),
    (client) => Effect.promise(() => client.close()),
  ),
)

const call = (client: Client, name: string, args: Record<string, unknown>) =>
  Effect.promise(async () => {
    const { content, isError } = await client.callTool({ name, arguments: args })
    const [first] = content
    return { text: first?.type === "text" ? first.text : "", isError: isError ?? false }
  })

const post = (headers: Record<string, string>, body: unknown) =>
  Effect.flatMap(address, (url) =>
    Effect.promise(() =>
      fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...headers,
        },
        body: JSON.stringify(body),
      }),
    ),
  )

it.scopedLive("a client lists the tools, searches, and reads the page that it finds", () =>
  Effect.gen(function* () {
    const client = yield* connected
    const { tools } = yield* Effect.promise(() => client.listTools())
    expect(tools.map(({ name }) => name)).toEqual(["search_docs", "read_page"])
    const found = yield* call(client, "search_docs", { query: "how long is a lease?" })
    expect(found.text).toContain("## Guide: Leases")
    expect(found.text).toContain("page: /docs/guide\n")
    for (const page of ["/docs/guide", "guide.md", "http://127.0.0.1:4400/docs/guide#leases"]) {
      const read = yield* call(client, "read_page", { page })
      expect([read.isError, read.text]).toEqual([false, expect.stringContaining("A lease lasts 30 seconds.")])
    }
    const rest = yield* call(client, "read_page", { page: "/docs/guide", offset: 7 })
    expect(rest.text).not.toContain("# Guide")
    expect(yield* call(client, "search_docs", { query: "zzzyx" })).toEqual({
      text: "No page has these words. Try others.",
      isError: false,
    })
    const missing = yield* call(client, "read_page", { page: "/docs/none" })
    expect([missing.isError, missing.text]).toEqual([true, expect.stringContaining("search_docs")])
    const wrong = yield* call(client, "search_docs", { question: "?" })
    expect([wrong.isError, wrong.text]).toEqual([true, expect.stringContaining("query")])
  }).pipe(Effect.provide(serving(built))),
)

it.scopedLive("a client lists the skills, and reads one", () =>
  Effect.gen(function* () {
    const client = yield* connected
    const uri = "skill://runlease-operate/SKILL.md"
    const { contents } = yield* Effect.promise(() => client.readResource({ uri }))
    const [skill] = contents
    expect(skill).toMatchObject({ uri, text: expect.stringContaining("runlease runs explain RUN") })
  }).pipe(Effect.provide(serving(built))),
)

it.scopedLive(
  "a page of another origin, a body without an end and a build that is not there are refused",
  () =>
    Effect.gen(function* () {
      const ping = { jsonrpc: "2.0", id: 1, method: "ping" }
      expect((yield* post({ origin: "https://example.com" }, ping)).status).toBe(403)
      expect((yield* post({ origin: "http://localhost:3000" }, ping)).status).toBe(200)
      expect((yield* post({}, { ...ping, params: { text: "x".repeat(100_000) } })).status).toBe(413)
    }).pipe(Effect.provide(serving(built))),
)

it.scopedLive("without a build the address says how to make one", () =>
  Effect.gen(function* () {
    const answer = yield* post({}, { jsonrpc: "2.0", id: 1, method: "ping" })
    expect(answer.status).toBe(404)
    expect(yield* Effect.promise(() => answer.text())).toContain("npx pnpm@10 site")
  }).pipe(Effect.provide(serving(`${built}/no-such-folder`))),
)
