import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Logger, Redacted, Tracer } from "effect"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"
import { sqlite } from "./sqlite.js"

const sameOrigin = { "sec-fetch-site": "same-origin" }

/** A key of project `default` that is no admin key. */
const createKey = Effect.gen(function* () {
  const access = yield* Access.Access
  const project = yield* access.getProject("default")
  const { key, token } = yield* access.createKey({ projectId: project.id, name: "mine" })
  return { projectId: project.id, keyId: key.id, token: Redacted.value(token) }
})

const signIn = (api_key: string, headers: Readonly<Record<string, string>> = {}) =>
  call("POST", "/session", { token: null, body: { api_key }, headers })

/** What a browser sends after a sign-in. */
const cookieOf = ({ headers }: { readonly headers: Headers }): string =>
  (headers.get("set-cookie") ?? "").split(";")[0]!

const attributesOf = ({ headers }: { readonly headers: Headers }): ReadonlyArray<string> =>
  (headers.get("set-cookie") ?? "").split("; ").slice(1).toSorted()

/** A request with the cookie of a session. */
const withCookie = (
  cookie: string,
  method: string,
  path: string,
  {
    body,
    headers = {},
  }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
) =>
  call(method, path, {
    token: null,
    headers: { cookie, ...headers },
    ...(body === undefined ? {} : { body }),
  })

const submission = { kind: "agent", request: { agent_id: "agent" } }

const stores = { memory: MemoryControlPlane.layer, sqlite }

for (const [name, store] of Object.entries(stores)) {
  const served = Layer.provideMerge(serve(store), store)
  const test = <A, E>(title: string, body: Effect.Effect<A, E, Layer.Layer.Success<typeof served>>) =>
    it.live(title, () => Effect.provide(body, served))

  describe(`a session over ${name}`, () => {
    test(
      "is its API key: it says who is signed in, reads and writes",
      Effect.gen(function* () {
        const key = yield* createKey
        const signedIn = yield* signIn(key.token)
        strictEqual(signedIn.status, 201)
        const who = {
          project: { id: key.projectId, slug: "default" },
          key: { id: key.keyId, name: "mine", admin: false },
        }
        deepStrictEqual(signedIn.json, who)
        const cookie = cookieOf(signedIn)
        assertTrue(/^runlease_session=rls_[0-9a-f]{64}$/.test(cookie))
        assertTrue(!cookie.includes(key.token))
        deepStrictEqual((yield* withCookie(cookie, "GET", "/session")).json, who)
        strictEqual((yield* withCookie(cookie, "GET", "/projects/default/runs")).status, 200)
        const submitted = yield* withCookie(cookie, "POST", "/runs", {
          body: submission,
          headers: sameOrigin,
        })
        strictEqual(submitted.status, 202)
        strictEqual((yield* withCookie(cookie, "GET", "/projects")).status, 403)
        deepStrictEqual((yield* call("GET", "/session", { token: key.token })).json, who)
      }),
    )

    test(
      "is in a cookie that no script reads, no other site sends, and that goes over https alone where there is https",
      Effect.gen(function* () {
        const key = yield* createKey
        const { url } = yield* Served
        const plain = ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"]
        deepStrictEqual(attributesOf(yield* signIn(key.token)), plain)
        deepStrictEqual(attributesOf(yield* signIn(key.token, { origin: url })), plain)
        const https = url.replace("http:", "https:")
        deepStrictEqual(attributesOf(yield* signIn(key.token, { origin: https })), [...plain, "Secure"])
      }),
    )

    test(
      "changes nothing for a request that comes from no page of this server",
      Effect.gen(function* () {
        const key = yield* createKey
        const { url } = yield* Served
        const cookie = cookieOf(yield* signIn(key.token))
        const send = (headers: Readonly<Record<string, string>>) =>
          withCookie(cookie, "POST", "/runs", { body: submission, headers })
        for (const headers of [
          {},
          { "sec-fetch-site": "same-site" },
          { "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "none" },
          { origin: "http://127.0.0.1:1" },
          { origin: "https://example.com" },
          { origin: "null" },
        ]) {
          const refused = yield* send(headers)
          deepStrictEqual([refused.status, refused.json.error], [403, "cross_site"])
        }
        strictEqual((yield* withCookie(cookie, "DELETE", "/session")).status, 403)
        deepStrictEqual((yield* call("GET", "/projects/default/runs")).json.data, [])
        strictEqual((yield* send({ origin: url })).status, 202)
        strictEqual((yield* send(sameOrigin)).status, 202)
        const foreign = yield* signIn(key.token, { origin: "https://example.com" })
        deepStrictEqual([foreign.status, foreign.headers.get("set-cookie")], [403, null])
      }),
    )

    test(
      "ends with the sign-out, and another one goes on",
      Effect.gen(function* () {
        const key = yield* createKey
        const [first, second] = [cookieOf(yield* signIn(key.token)), cookieOf(yield* signIn(key.token))]
        const out = yield* withCookie(first, "DELETE", "/session", { headers: sameOrigin })
        strictEqual(out.status, 204)
        strictEqual(cookieOf(out), "runlease_session=")
        assertTrue(attributesOf(out).includes("Max-Age=0"))
        const ended = yield* withCookie(first, "GET", "/session")
        deepStrictEqual([ended.status, ended.json.detail], [401, "The session has ended; sign in again"])
        strictEqual((yield* withCookie(second, "GET", "/session")).status, 200)
        strictEqual((yield* call("DELETE", "/session", { token: null })).status, 204)
      }),
    )

    test(
      "ends with its key",
      Effect.gen(function* () {
        const key = yield* createKey
        const cookie = cookieOf(yield* signIn(key.token))
        strictEqual((yield* withCookie(cookie, "GET", "/session")).status, 200)
        yield* call("DELETE", `/projects/default/keys/${key.keyId}`)
        strictEqual((yield* withCookie(cookie, "GET", "/session")).status, 401)
        strictEqual((yield* signIn(key.token)).status, 401)
      }),
    )

    test(
      "is not looked at beside a token in a header",
      Effect.gen(function* () {
        const key = yield* createKey
        const cookie = cookieOf(yield* signIn(key.token))
        for (const headers of [
          { authorization: "Bearer wrong" },
          { authorization: "Basic x" },
          { "x-api-key": "" },
        ]) {
          strictEqual((yield* withCookie(cookie, "GET", "/session", { headers })).status, 401)
        }
      }),
    )

    test(
      "needs an API key: a worker token, a session or nothing of the kind begins none",
      Effect.gen(function* () {
        const key = yield* createKey
        const registered = yield* call("POST", "/agent-workers/projects/default/workers", {
          body: { implementation_kind: "kind", worker_key: "worker" },
        })
        const session = cookieOf(yield* signIn(key.token)).split("=")[1]!
        const tries = [
          [registered.json.token, 403],
          [session, 401],
          [`${key.token} `, 401],
          ["wrong", 401],
          ["", 401],
        ] as const
        for (const [token, status] of tries) {
          const refused = yield* signIn(token)
          deepStrictEqual([refused.status, refused.headers.get("set-cookie")], [status, null])
          assertTrue(token === "" || !refused.text.includes(token))
        }
        strictEqual((yield* call("POST", "/session", { token: null, body: {} })).status, 400)
      }),
    )
  })
}

describe("sign-in", () => {
  it.effect("with keys that are not valid is limited for its address", () =>
    Effect.gen(function* () {
      const { key } = yield* Served
      const list = Effect.map(call("GET", "/projects/default/runs", { token: key }), ({ status }) => status)
      strictEqual(yield* list, 200)
      const statuses = yield* Effect.forEach(
        Array.from({ length: 130 }, (_, index) => `wrong-${index}`),
        (token) => Effect.map(signIn(token), ({ status }) => status),
        { concurrency: "unbounded" },
      )
      assertTrue(statuses.includes(401))
      assertTrue(statuses.includes(429))
      strictEqual(yield* list, 200)
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )

  it.live("leaves no token in logs and spans", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => void lines.push(String(message), String(cause)))
    const spans: Array<Tracer.Span> = []
    const tracer = (native: Tracer.Tracer) =>
      Tracer.make({
        span: (name, ...rest) => {
          const span = native.span(name, ...rest)
          spans.push(span)
          return span
        },
        context: (body, fiber) => native.context(body, fiber),
      })
    return Effect.gen(function* () {
      const { key } = yield* Served
      const signedIn = yield* signIn(key)
      const cookie = cookieOf(signedIn)
      yield* withCookie(cookie, "GET", "/session")
      yield* withCookie(cookie, "POST", "/runs", { body: submission })
      yield* signIn(`${key}x`)
      const seen = JSON.stringify([lines, spans.map((span) => [span.name, Array.from(span.attributes)])])
      assertTrue(spans.length > 0)
      assertTrue(!seen.includes(key))
      assertTrue(!seen.includes(cookie.split("=")[1]!))
    }).pipe(
      Effect.provide(serve(MemoryControlPlane.layer)),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      (body) => Effect.flatMap(Effect.tracer, (native) => Effect.withTracer(body, tracer(native))),
    )
  })
})
