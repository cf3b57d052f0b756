import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const page = "https://app.example.com"
const other = "https://evil.example.com"

const preflight = (path: string, origin: string) =>
  call("OPTIONS", path, {
    token: null,
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  })

const over = (corsOrigins?: ReadonlyArray<string>) => serve(MemoryControlPlane.layer, { corsOrigins })

const names = (value: string | null) => (value ?? "").split(",").map((name) => name.trim().toLowerCase())

describe("pages of other origins", () => {
  it.live("are told nothing unless the server is", () =>
    Effect.gen(function* () {
      for (const answer of [
        yield* preflight("/runs", page),
        yield* call("GET", "/projects/default/runs", { headers: { origin: page } }),
      ]) {
        strictEqual(answer.headers.get("access-control-allow-origin"), null)
      }
      strictEqual((yield* preflight("/runs", page)).status, 405)
    }).pipe(Effect.provide(over())),
  )

  it.live("that are named may call every endpoint, and ask first without a token", () =>
    Effect.gen(function* () {
      for (const path of ["/runs", "/runs/r/stream", "/ag-ui/a", "/projects/default/runs"]) {
        const { headers, status } = yield* preflight(path, page)
        deepStrictEqual([status, headers.get("access-control-allow-origin")], [204, page])
        const allowed = names(headers.get("access-control-allow-headers"))
        for (const name of [
          "authorization",
          "x-api-key",
          "content-type",
          "last-event-id",
          "x-runlease-epoch",
        ]) {
          strictEqual(allowed.includes(name), true)
        }
        strictEqual(names(headers.get("access-control-allow-methods")).includes("put"), true)
        strictEqual(headers.get("access-control-allow-credentials"), null)
      }
    }).pipe(Effect.provide(over([page, "http://localhost:3000"]))),
  )

  it.live("that are named read answers, refusals and streams, and others read none", () =>
    Effect.gen(function* () {
      yield* call("POST", "/runs", { body: { kind: "agent", public_id: "r", request: { agent_id: "a" } } })
      yield* call("POST", "/runs/r/cancel")
      const all = (origin: string) =>
        Effect.all([
          call("GET", "/runs/r", { headers: { origin } }),
          call("GET", "/runs/r", { headers: { origin }, token: null }),
          call("GET", "/nowhere", { headers: { origin } }),
          call("GET", "/runs/r/stream", { headers: { origin } }),
        ])
      const answers = yield* all(page)
      deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 401, 404, 200],
      )
      for (const { headers } of answers) {
        strictEqual(headers.get("access-control-allow-origin"), page)
        strictEqual(names(headers.get("access-control-expose-headers")).includes("retry-after"), true)
        strictEqual(headers.get("vary")?.toLowerCase(), "origin")
      }
      for (const { headers } of yield* all(other)) {
        strictEqual(headers.get("access-control-allow-origin"), null)
      }
    }).pipe(Effect.provide(over([page]))),
  )

  it.live("have a token for a browser, and read and answer with it across origins", () =>
    Effect.gen(function* () {
      yield* call("POST", "/runs", { body: { kind: "agent", public_id: "r", request: { agent_id: "a" } } })
      yield* call("POST", "/runs", { body: { kind: "agent", public_id: "s", request: { agent_id: "a" } } })
      const made = yield* call("POST", "/projects/default/tokens", {
        body: { scopes: ["read", "write", "stop"], run_id: "r" },
      })
      const token: string = made.json.token
      const answers = (origin: string) =>
        Effect.forEach(
          [
            ["GET", "/runs/r"],
            ["POST", "/runs/r/messages", { text: "hello" }],
            ["POST", "/runs/r/cancel"],
            ["GET", "/runs/r/stream"],
            ["GET", "/runs/s"],
            ["GET", "/projects/default/limits"],
          ] as const,
          ([method, path, body]) =>
            Effect.gen(function* () {
              strictEqual((yield* preflight(path, origin)).status, 204)
              const headers = { origin, "sec-fetch-site": "cross-site" }
              const answer = yield* call(method, path, { token, headers, ...(body && { body }) })
              return [answer.status, answer.headers.get("access-control-allow-origin")]
            }),
        )
      deepStrictEqual(yield* answers(page), [
        [200, page],
        [201, page],
        [200, page],
        [200, page],
        [404, page],
        [403, page],
      ])
      // The server answers a page that is not listed, and its browser shows it nothing.
      strictEqual(
        (yield* answers(other)).every(([, allowed]) => allowed === null),
        true,
      )
    }).pipe(Effect.provide(over([page]))),
  )

  it.live("of any origin may call with *, without credentials", () =>
    Effect.gen(function* () {
      for (const { headers } of [
        yield* preflight("/runs", other),
        yield* call("GET", "/projects/default/runs", { headers: { origin: other } }),
      ]) {
        strictEqual(headers.get("access-control-allow-origin"), "*")
        strictEqual(headers.get("access-control-allow-credentials"), null)
      }
    }).pipe(Effect.provide(over(["*"]))),
  )
})

describe("the stream of a run", () => {
  it.live("is the same by the run's id alone, and resumes after an event", () =>
    Effect.gen(function* () {
      const { json } = yield* call("POST", "/runs", {
        body: { kind: "agent", public_id: "r", request: { agent_id: "a" } },
      })
      yield* call("POST", "/runs/r/cancel")
      const alone = yield* call("GET", "/runs/r/stream")
      const inConversation = yield* call("GET", `/conversations/${json.run.owner.id}/runs/r/stream`)
      strictEqual(alone.status, 200)
      strictEqual(alone.headers.get("content-type"), "text/event-stream")
      strictEqual(alone.text.includes("RUN_STARTED"), true)
      strictEqual(alone.text, inConversation.text)
      const rest = yield* call("GET", "/runs/r/stream", { headers: { "last-event-id": "1" } })
      strictEqual(rest.text.includes("RUN_STARTED"), false)
      strictEqual(rest.text.includes("RUN_"), true)
      strictEqual((yield* call("GET", "/runs/none/stream")).status, 404)
    }).pipe(Effect.provide(over())),
  )
})
