import { HttpApiEndpoint, HttpApiGroup, HttpServerResponse, OpenApi } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Conversations, Ids } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Context, Effect, Schema } from "effect"
import * as Api from "../src/Api.js"
import { Authorization } from "../src/contract/Principal.js"
import * as Refusal from "../src/contract/Refusal.js"
import { Caller, Endpoint, Face } from "../src/face.js"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const group = HttpApiGroup.make("names")
  .add(
    HttpApiEndpoint.get("name", "/names/:conversation_id")
      .setPath(Schema.Struct({ conversation_id: Ids.ConversationId }))
      .addSuccess(Schema.Unknown),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(Endpoint.JsonBody)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Names" }))

/** A face that says which conversation there is, over the ports of the caller. */
const names: Face.Face = {
  groups: [group],
  after: "health",
  examples: { "names.name": { answer: { name: "one" } } },
  headers: ["X-Name"],
  layer: Face.handlers(Face.api.add(group))("names", (handlers) =>
    handlers.handleRaw("name", ({ path }) =>
      Effect.gen(function* () {
        const ports = yield* Caller.ports
        const { id } = yield* Context.get(ports, Conversations.Conversations).get(path.conversation_id)
        return HttpServerResponse.unsafeJson({ name: id })
      }),
    ),
  ),
}

const server = (given: ReadonlyArray<Face.Face>) =>
  serve(MemoryControlPlane.layer, { faces: given, corsOrigins: ["https://app.example.com"] })

const missing = "/names/01a20000-0000-7000-8000-000000000001"

/** The headers that a page may send. */
const allowed = Effect.map(
  call("OPTIONS", "/runs", {
    token: null,
    headers: { origin: "https://app.example.com", "access-control-request-method": "POST" },
  }),
  ({ headers }) => headers.get("access-control-allow-headers")?.split(","),
)

const described = Effect.map(call("GET", "/openapi.json"), ({ json }) => ({
  tags: json.tags.map(({ name }: { readonly name: string }) => name) as ReadonlyArray<string>,
  paths: json.paths,
}))

describe("a server with a face", () => {
  it.live("has its endpoints, for callers with a token, and refuses in the words of the API", () =>
    Effect.gen(function* () {
      strictEqual((yield* call("GET", missing, { token: null })).status, 401)
      const absent = yield* call("GET", missing)
      deepStrictEqual([absent.status, absent.json.error], [404, "conversation_not_found"])
      const created = yield* call("POST", "/conversations", { body: {} })
      const { json } = yield* call("GET", `/names/${created.json.id}`)
      deepStrictEqual(json, { name: created.json.id })
    }).pipe(Effect.provide(server([names]))),
  )

  it.live("refuses a method that they do not have", () =>
    Effect.gen(function* () {
      const { headers, status } = yield* call("POST", missing, { body: {} })
      deepStrictEqual([status, headers.get("allow")], [405, "GET"])
    }).pipe(Effect.provide(server([names]))),
  )

  it.live("describes them after the group that the face names, with their examples", () =>
    Effect.gen(function* () {
      const { paths, tags } = yield* described
      deepStrictEqual(tags.slice(-2), ["Health", "Names"])
      const { content } = paths["/names/{conversation_id}"].get.responses["200"]
      deepStrictEqual(content["application/json"].example, { name: "one" })
    }).pipe(Effect.provide(server([names]))),
  )

  it.live("lets a page of another origin send its headers", () =>
    Effect.gen(function* () {
      strictEqual((yield* allowed)?.includes("X-Name"), true)
    }).pipe(Effect.provide(server([names]))),
  )
})

describe("a server without faces", () => {
  it.live("has none of their addresses, and describes none", () =>
    Effect.gen(function* () {
      for (const path of ["/mcp", "/a2a/writer", "/openai/v1/responses", "/chat/writer"]) {
        strictEqual((yield* call("POST", path, { body: {} })).status, 404)
      }
      const { paths, tags } = yield* described
      const ofFaces = Api.withFaces([names]).groups
      strictEqual(Object.keys(ofFaces).length - tags.length, 1)
      deepStrictEqual(
        Object.keys(paths).filter((path) => /^\/(mcp|a2a|openai|chat)/.test(path)),
        [],
      )
      strictEqual((yield* allowed)?.includes("X-Name"), false)
    }).pipe(Effect.provide(server([]))),
  )
})

describe("the groups of a face", () => {
  it("come last where the face names no group of the API", () => {
    const { after: _after, ...rest } = names
    for (const face of [rest, { ...names, after: "nothing" }]) {
      expect(Object.keys(Api.withFaces([face]).groups).slice(-2)).toEqual(["health", "names"])
    }
    const first = Object.keys(Api.withFaces([{ ...names, after: "runs" }]).groups).slice(0, 2)
    expect(first).toEqual(["runs", "names"])
  })
})
