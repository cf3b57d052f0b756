import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { type Answer, type Call, call } from "./raw.js"
import { client, serve } from "./serving.js"

const server = serve(MemoryControlPlane.layer, {
  corsOrigins: ["https://page.example"],
  metrics: Effect.succeed("up 1\n"),
})

const test = TestRuns.tester(Layer.provideMerge(client, server))

const policyOf = ({ headers }: Answer): ReadonlyMap<string, string> =>
  new Map(
    (headers.get("content-security-policy") ?? "").split("; ").map((part) => {
      const [name = "", ...values] = part.split(" ")
      return [name, values.join(" ")] as const
    }),
  )

describe("the headers of an answer", () => {
  test(
    "say that it is what its type says, and that nothing stores it",
    Effect.gen(function* () {
      const registration = { implementation_kind: "raw", worker_key: "raw" }
      const workers = "/agent-workers/projects/default/workers"
      const { runId } = yield* TestRuns.submit()
      strictEqual((yield* call("POST", `/runs/${runId}/cancel`)).status, 200)
      const registered = yield* call("POST", workers, { body: registration })
      const { token, worker } = registered.json
      strictEqual(typeof token, "string")
      const worked = `/agent-workers/workers/${worker.id}`
      const requests: ReadonlyArray<readonly [method: string, path: string, call?: Call]> = [
        ["POST", "/projects/default/keys", { body: { name: "new" } }],
        ["POST", workers, { body: registration }],
        ["POST", `${worked}/heartbeat`, { token }],
        // Answered before the router, and by it.
        ["POST", `${worked}/exchange`, { token, body: { operations: [{ operation: "claim" }] } }],
        ["POST", `${worked}/exchange`, { token, body: { operations: "none" } }],
        ["POST", `${worked}/leases`, { token, body: { leases: [] } }],
        ["GET", `/runs/${runId}`],
        ["HEAD", `/runs/${runId}`],
        ["GET", "/projects/default/runs"],
        ["GET", "/session"],
        ["GET", "/runs/none"],
        ["GET", "/nowhere"],
        ["PATCH", "/runs"],
        ["POST", "/runs", { text: "{" }],
        ["GET", "/projects", { token: null }],
        ["GET", "/healthz", { token: null }],
        ["GET", "/metrics", { token: null }],
        ["GET", "/openapi.json", { token: null }],
        ["GET", "/docs", { token: null }],
        ["OPTIONS", "/runs", { token: null, headers: { origin: "https://page.example" } }],
      ]
      for (const [method, path, sent] of requests) {
        const { headers } = yield* call(method, path, sent)
        const name = `${method} ${path}`
        deepStrictEqual([name, headers.get("x-content-type-options")], [name, "nosniff"])
        deepStrictEqual([name, headers.get("cache-control")], [name, "no-store"])
      }
      const stream = yield* call("GET", `/runs/${runId}/stream`)
      strictEqual(stream.headers.get("x-content-type-options"), "nosniff")
      strictEqual(stream.headers.get("cache-control"), "no-cache")
    }),
  )

  it.live("of the documentation let a browser run its own scripts alone, and show it in no frame", () =>
    Effect.gen(function* () {
      const docs = yield* call("GET", "/docs", { token: null })
      const policy = policyOf(docs)
      deepStrictEqual(
        ["default-src", "connect-src", "base-uri", "form-action", "frame-ancestors"].map((name) =>
          policy.get(name),
        ),
        ["'none'", "'self'", "'none'", "'none'", "'none'"],
      )
      const scripts = Array.from(
        docs.text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g),
        ([, text]) => text!,
      )
      strictEqual(scripts.length, 2)
      const allowed = policy.get("script-src")!.split(" ")
      deepStrictEqual(
        allowed,
        scripts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`),
      )
      const again = yield* call("GET", "/docs", { token: null })
      assertTrue(policyOf(again).get("script-src") === policy.get("script-src"))
    }).pipe(Effect.provide(server)),
  )
})
