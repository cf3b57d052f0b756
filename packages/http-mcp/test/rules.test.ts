import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, type Layer } from "effect"
import { request as httpRequest } from "node:http"
import { call } from "../../http/test/raw.js"
import { serve, Served } from "../../http/test/serving.js"
import { legacy, meta, modern, raw, request, tool } from "./messages.js"
import * as McpFace from "../src/McpFace.js"

const over = serve(MemoryControlPlane.layer, { faces: [McpFace.face] })

const rule = <E>(
  title: string,
  body: Effect.Effect<void, E, Served>,
  server: Layer.Layer<Served, unknown> = over,
) => it.live(title, () => Effect.provide(body, server))

const discover = { jsonrpc: "2.0", id: 7, method: "server/discover", params: { _meta: meta() } }
const headers = { "mcp-protocol-version": modern, "mcp-method": "server/discover" }

describe("version 2026-07-28", () => {
  rule(
    "discovery names the versions, the capabilities, the server and how long this stays true",
    Effect.gen(function* () {
      const { json, status } = yield* request("server/discover")
      strictEqual(status, 200)
      const { _meta, capabilities, cacheScope, instructions, resultType, supportedVersions, ttlMs } =
        json.result
      deepStrictEqual(supportedVersions, [modern])
      deepStrictEqual(capabilities, { tools: {}, extensions: { "io.modelcontextprotocol/tasks": {} } })
      deepStrictEqual([resultType, cacheScope], ["complete", "private"])
      assertTrue(Number.isInteger(ttlMs) && ttlMs >= 0)
      assertTrue(instructions.includes("run_agent"))
      strictEqual(_meta["io.modelcontextprotocol/serverInfo"].name, "runlease")
    }),
  )

  rule(
    "a request without its metadata is -32602 with 400, and its client may be nameless",
    Effect.gen(function* () {
      const { "io.modelcontextprotocol/clientInfo": _, ...nameless } = meta()
      const { "io.modelcontextprotocol/protocolVersion": _version, ...versionless } = meta()
      const { "io.modelcontextprotocol/clientCapabilities": _capabilities, ...incapable } = meta()
      for (const params of [undefined, {}, { _meta: {} }, { _meta: versionless }, { _meta: incapable }]) {
        const { json, status } = yield* raw({ ...discover, params }, headers)
        deepStrictEqual([status, json.error.code, json.id], [400, -32602, 7])
      }
      strictEqual((yield* raw({ ...discover, params: { _meta: nameless } }, headers)).status, 200)
    }),
  )

  rule(
    "an unknown version is -32022 with 400, and the answer names those that there are",
    Effect.gen(function* () {
      const unknown = { ...meta(), "io.modelcontextprotocol/protocolVersion": "1900-01-01" }
      const { json, status } = yield* raw(
        { ...discover, params: { _meta: unknown } },
        { ...headers, "mcp-protocol-version": "1900-01-01" },
      )
      deepStrictEqual([status, json.error.code, json.id], [400, -32022, 7])
      deepStrictEqual(json.error.data, { supported: [modern], requested: "1900-01-01" })
    }),
  )

  rule(
    "headers that are missing or differ from the body are -32020 with 400",
    Effect.gen(function* () {
      const list = { ...discover, method: "tools/list" }
      const calling = (name: string) => ({
        ...discover,
        method: "tools/call",
        params: { ...discover.params, name, arguments: {} },
      })
      const ofCall = { ...headers, "mcp-method": "tools/call" }
      const cases: ReadonlyArray<readonly [object, Record<string, string>]> = [
        [discover, { "mcp-method": "server/discover" }],
        [discover, { ...headers, "mcp-protocol-version": "2025-11-25" }],
        [list, { "mcp-protocol-version": modern }],
        [list, { ...headers, "mcp-method": "prompts/list" }],
        [list, { ...headers, "mcp-method": "TOOLS/LIST" }],
        [calling("list_runs"), ofCall],
        [calling("list_runs"), { ...ofCall, "mcp-name": "get_run" }],
        [calling("list_runs"), { ...ofCall, "mcp-name": "=?base64?Z2V0X3J1bg==?=" }],
        [calling("list_runs"), { ...ofCall, "mcp-name": "=?base64?*?=" }],
        [
          { ...discover, method: "tasks/get", params: { ...discover.params, taskId: "one" } },
          { ...headers, "mcp-method": "tasks/get", "mcp-name": "two" },
        ],
      ]
      for (const [body, sent] of cases) {
        const { json, status } = yield* raw(body, sent)
        deepStrictEqual([status, json.error?.code, json.id], [400, -32020, 7], JSON.stringify(sent))
      }
      for (const name of ["list_runs", " list_runs ", "=?base64?bGlzdF9ydW5z?="]) {
        strictEqual((yield* raw(calling("list_runs"), { ...ofCall, "mcp-name": name })).status, 200)
      }
    }),
  )

  rule(
    "a method that there is not, or is no more, is -32601 with 404",
    Effect.gen(function* () {
      for (const method of [
        "initialize",
        "ping",
        "logging/setLevel",
        "prompts/list",
        "tasks/list",
        "nothing",
      ]) {
        const { json, status } = yield* request(method)
        deepStrictEqual([status, json.error.code], [404, -32601], method)
      }
    }),
  )

  rule(
    "tasks need their capability",
    Effect.gen(function* () {
      for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
        const { json, status } = yield* request(method, { taskId: "r", inputResponses: {} })
        deepStrictEqual([status, json.error.code], [400, -32021], method)
        deepStrictEqual(json.error.data, {
          requiredCapabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } },
        })
      }
    }),
  )
})

describe("versions that begin with initialize", () => {
  rule(
    "the version of the client is used where there is one, and the newest of them otherwise",
    Effect.gen(function* () {
      for (const [wanted, given] of [
        ["2025-11-25", "2025-11-25"],
        ["2025-06-18", "2025-06-18"],
        ["2025-03-26", "2025-03-26"],
        ["2024-01-01", "2025-11-25"],
        [undefined, "2025-11-25"],
      ]) {
        const {
          headers: answered,
          json,
          status,
        } = yield* raw({
          jsonrpc: "2.0",
          id: 1,
          method: "initialize",
          params: { protocolVersion: wanted, capabilities: {}, clientInfo: { name: "t", version: "1" } },
        })
        deepStrictEqual([status, json.result.protocolVersion], [200, given])
        deepStrictEqual(json.result.capabilities, { tools: {} })
        strictEqual(answered.get("mcp-session-id"), null)
      }
    }),
  )

  rule(
    "results have no fields of the newer version, and an unknown method is -32601 with 200",
    Effect.gen(function* () {
      deepStrictEqual((yield* legacy("ping")).json, { jsonrpc: "2.0", id: 1, result: {} })
      deepStrictEqual(Object.keys((yield* legacy("tools/list")).json.result), ["tools"])
      for (const method of ["server/discover", "tasks/get", "resources/list"]) {
        const { json, status } = yield* legacy(method)
        deepStrictEqual([status, json.error.code], [200, -32601], method)
      }
    }),
  )

  rule(
    "a request without the header of its version is served, and one with an unknown version is 400",
    Effect.gen(function* () {
      strictEqual((yield* raw({ jsonrpc: "2.0", id: "a", method: "ping" })).status, 200)
      const { json, status } = yield* legacy("ping", {}, { "mcp-protocol-version": "1900-01-01" })
      deepStrictEqual([status, json.error.code], [400, -32022])
    }),
  )
})

describe("messages of JSON-RPC", () => {
  rule(
    "what is no message is refused with 400, and with its id where that can be read",
    Effect.gen(function* () {
      const broken = yield* call("POST", "/mcp", { text: "{" })
      deepStrictEqual([broken.status, broken.json.error.code], [400, -32700])
      const valid = { jsonrpc: "2.0", id: 1, method: "ping" }
      const cases: ReadonlyArray<readonly [unknown, unknown]> = [
        [[valid], undefined],
        [[], undefined],
        ["ping", undefined],
        [null, undefined],
        [{ ...valid, jsonrpc: "1.0" }, 1],
        [{ ...valid, id: null }, undefined],
        [{ ...valid, id: 1.5 }, undefined],
        [{ ...valid, method: 5 }, 1],
        [{ ...valid, method: "" }, 1],
        [{ ...valid, params: [1] }, 1],
        [{ jsonrpc: "2.0", id: 1, result: {} }, 1],
      ]
      for (const [body, id] of cases) {
        const { json, status } = yield* raw(body)
        deepStrictEqual([status, json.error.code, json.id], [400, -32600, id], JSON.stringify(body))
      }
    }),
  )

  rule(
    "a notification is 202 without a body",
    Effect.gen(function* () {
      for (const method of [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/unheard",
      ]) {
        const { status, text } = yield* raw({ jsonrpc: "2.0", method })
        deepStrictEqual([status, text], [202, ""])
      }
    }),
  )

  rule(
    "parameters of a call that are malformed, or name no tool, are -32602",
    Effect.gen(function* () {
      for (const params of [{}, { name: 5 }, { name: "nothing" }, { name: "get_run", arguments: [] }]) {
        const { json } = yield* request("tools/call", params)
        strictEqual(json.error.code, -32602, JSON.stringify(params))
      }
    }),
  )

  rule(
    "arguments that do not fit are an error that the model reads, which names the field and not the value",
    Effect.gen(function* () {
      for (const [name, args, field] of [
        ["get_run", {}, "run_id"],
        ["get_run", { run_id: "r", wait_seconds: 9000 }, "wait_seconds"],
        ["list_runs", { status: "secret-value" }, "status"],
        ["list_runs", { nonsense: 1 }, "*"],
        ["answer_run", { run_id: "r", answers: [] }, "answers"],
        ["run_agent", { agent_id: "", message: "x" }, "agent_id"],
      ] as const) {
        const { json, status } = yield* tool(name, args)
        deepStrictEqual([status, json.result.isError], [200, true])
        assertTrue(json.result.content[0].text.includes(field), json.result.content[0].text)
        assertTrue(!json.result.content[0].text.includes("secret-value"))
      }
      const nothing = yield* tool("get_run", { run_id: "nowhere" })
      deepStrictEqual(nothing.json.result.content[0].text, "Run nowhere does not exist")
    }),
  )
})

describe("the endpoint", () => {
  rule(
    "there is no stream to GET and no session to DELETE",
    Effect.gen(function* () {
      for (const method of ["GET", "DELETE", "PUT"]) {
        const { headers: answered, status } = yield* call(method, "/mcp")
        deepStrictEqual([status, answered.get("allow")], [405, "POST"])
      }
    }),
  )

  rule(
    "a request without a key is challenged",
    Effect.gen(function* () {
      for (const token of [null, "unknown"]) {
        const { headers: answered, status } = yield* request("server/discover", {}, { token })
        deepStrictEqual([status, answered.get("www-authenticate")], [401, "Bearer"])
      }
    }),
  )

  rule(
    "a client that takes no event stream is refused before anything begins",
    Effect.gen(function* () {
      const { json, status } = yield* tool(
        "run_agent",
        { agent_id: "a", message: "x" },
        { headers: { accept: "application/json" } },
      )
      deepStrictEqual([status, json.error], [406, "not_acceptable"])
      const { json: listed } = yield* tool("list_runs", {}, { headers: { accept: "*/*" } })
      deepStrictEqual(listed.result.structuredContent, { runs: [], next: null })
    }),
  )

  rule(
    "a page of this server is let in by a name of this machine, and by no other name",
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const own = yield* request("server/discover", {}, { headers: { origin: url } })
      strictEqual(own.status, 200)
      // What a page does whose name leads here: its origin is the host.
      const host = "evil.example.com"
      const headersOfPage = { ...headers, accept: "text/event-stream", host, origin: `http://${host}` }
      const { hostname, port } = new URL(url)
      const send = (more: Readonly<Record<string, string>>) =>
        Effect.async<number | undefined>((resume) => {
          httpRequest(
            { hostname, port, path: "/mcp", method: "POST", headers: { ...headersOfPage, ...more } },
            (response) => {
              response.resume()
              resume(Effect.succeed(response.statusCode))
            },
          ).end(JSON.stringify(discover))
        })
      strictEqual(yield* send({ "content-type": "application/json" }), 401)
      const withKey = { "content-type": "application/json", authorization: `Bearer ${key}` }
      strictEqual(yield* send(withKey), 403)
    }),
  )

  const page = "https://app.example.com"
  const origins = (server: Layer.Layer<Served, unknown>, allowed: ReadonlyArray<string>) =>
    rule(
      `pages of other origins are refused, but for ${allowed.join(", ") || "none"}`,
      Effect.gen(function* () {
        for (const origin of [page, "https://evil.example.com", "null", "http://localhost:1"]) {
          const { json, status } = yield* request("server/discover", {}, { headers: { origin } })
          const isAllowed = allowed.includes(origin)
          deepStrictEqual([status, json.error], isAllowed ? [200, undefined] : [403, "origin_refused"])
        }
      }),
      server,
    )
  origins(over, [])
  origins(serve(MemoryControlPlane.layer, { corsOrigins: [page], faces: [McpFace.face] }), [page])
})
