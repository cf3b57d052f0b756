import { NodeSocket } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import * as WorkerSuite from "@runlease/testkit/WorkerSuite"
import { Array, Duration, Effect, Exit, Layer, Scope } from "effect"
import { closing, maxUnanswered, protocol, protocolOf } from "../src/Api/Connection.js"
import { maxBytes } from "../src/contract/Body.js"
import { connect, type Connected } from "./connected.js"
import { call } from "./raw.js"
import { clients, serve, Served } from "./serving.js"
import { exchange } from "./socket.js"

WorkerSuite.ofStore(
  "one connection a worker, before memory",
  clients(serve(MemoryControlPlane.layer), NodeSocket.layerWebSocketConstructor),
)

const register = (workerKey = "worker-1") =>
  Effect.map(
    call("POST", "/agent-workers/projects/default/workers", {
      body: { implementation_kind: "test", worker_key: workerKey },
    }),
    ({ json }) => ({ id: json.worker.id as string, token: json.token as string }),
  )

const connected = Effect.gen(function* () {
  const worker = yield* register()
  const connection = yield* connect(worker.id, worker.token)
  if (connection === undefined) return yield* Effect.dieMessage("The server refuses the connection")
  return { ...connection, worker }
})

const submit = Effect.gen(function* () {
  const conversation = yield* call("POST", "/conversations", { body: {} })
  const owner = { kind: "conversation", id: conversation.json.id }
  const { json } = yield* call("POST", "/runs", {
    body: { kind: "agent", owner, request: { agent_id: "agent" } },
  })
  return json.run.run_id as string
})

const statusOf = (runId: string) => Effect.map(call("GET", `/runs/${runId}`), ({ json }) => json.status)

/** The answer to an exchange of nothing, which arrives after what was sent before. */
const ping = ({ next, send }: Connected) => Effect.zipRight(send({ id: 999, operations: [] }), next)

const waiting = { wait_seconds: 30, limit: 1 }

describe("the connection of a worker", () => {
  const server = serve(MemoryControlPlane.layer)

  it.scopedLive("answers exchanges by their ids, and each operation by itself", () =>
    Effect.gen(function* () {
      const { next, send } = yield* connected
      yield* send({ id: 7, operations: [] })
      deepStrictEqual(yield* next, { id: 7, status: 200, body: { answers: [] } })
      yield* send({ id: 8, operations: [{ operation: "claim", limit: 1 }, { operation: "dance" }] })
      const { body, id, status } = yield* next
      deepStrictEqual([id, status, body.answers[0].status, body.answers[1].status], [8, 200, 200, 400])
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("answers a claim that waits once there is a run, and others meanwhile", () =>
    Effect.gen(function* () {
      const connection = yield* connected
      yield* connection.send({ id: 1, claim: waiting })
      deepStrictEqual((yield* ping(connection)).id, 999)
      const runId = yield* submit
      const { body, id } = yield* connection.next
      deepStrictEqual([id, body.runs.length, body.runs[0].run_id], [1, 1, runId])
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("takes no run for a claim that was cancelled", () =>
    Effect.gen(function* () {
      const connection = yield* connected
      yield* connection.send({ id: 1, claim: waiting })
      yield* connection.send({ id: 1, cancel: true })
      yield* ping(connection)
      const runId = yield* submit
      strictEqual((yield* ping(connection)).id, 999)
      strictEqual(yield* statusOf(runId), "pending")
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("sends the signals of the worker until they are cancelled", () =>
    Effect.gen(function* () {
      const connection = yield* connected
      const { next, send, worker } = connection
      const drain = (value: boolean) =>
        call("POST", `/agent-workers/workers/${worker.id}/drain`, { body: { drain: value } })
      yield* send({ id: 1, signals: true })
      yield* ping(connection)
      yield* drain(true)
      deepStrictEqual(yield* next, { id: 1, signal: { type: "drain", drain: true } })
      yield* send({ id: 1, cancel: true })
      yield* ping(connection)
      yield* drain(false)
      strictEqual((yield* ping(connection)).id, 999)
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("begins for the worker itself, or for an API key of its project", () =>
    Effect.gen(function* () {
      const { id, token } = yield* register()
      const other = yield* register("worker-2")
      const { key } = yield* Served
      const begins = (token: string, protocols?: Array<string>) =>
        Effect.map(connect(id, token, protocols), (connection) => connection !== undefined)
      deepStrictEqual(
        [
          yield* begins(token),
          yield* begins(key),
          yield* begins(other.token),
          yield* begins("rlw_0"),
          yield* begins(token, [protocol]),
          yield* begins(token, [protocolOf(token)]),
        ],
        [true, true, false, false, false, false],
      )
      // Without an upgrade there is nothing.
      const plain = yield* call("GET", `/agent-workers/workers/${id}/connection`, { token })
      deepStrictEqual([plain.status, plain.json.error], [426, "upgrade_required"])
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("begins for no page of another site, whatever cookie its browser has", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const { id, token } = yield* register()
      const { host, origin } = new URL(url)
      const signIn = yield* call("POST", "/session", { body: { api_key: key }, token: null })
      const cookie = signIn.headers.get("set-cookie")?.split(";")[0]
      const handshake = (...headers: ReadonlyArray<string>) =>
        Effect.map(
          exchange(url, {
            bytes: [
              `GET /agent-workers/workers/${id}/connection HTTP/1.1`,
              `host: ${host}`,
              "connection: upgrade",
              "upgrade: websocket",
              "sec-websocket-version: 13",
              "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
              ...headers,
              "\r\n",
            ].join("\r\n"),
            within: 1000,
          }),
          ({ status }) => status,
        )
      const other = "origin: https://elsewhere.example"
      deepStrictEqual(
        [
          yield* handshake(`cookie: ${cookie}`, other),
          yield* handshake(`cookie: ${cookie}`, `origin: ${origin}`),
          yield* handshake(`authorization: Bearer ${token}`, other),
          yield* handshake(other),
        ],
        [403, 101, 101, 401],
      )
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("ends at what is no frame, and does nothing of it", () =>
    Effect.gen(function* () {
      const deep = `{"id":1,"operations":[${"[".repeat(300)}${"]".repeat(300)}]}`
      const frames = [
        "",
        "[",
        "null",
        "{}",
        '{"id":1}',
        '{"id":"1","operations":[]}',
        '{"id":1,"claim":1}',
        deep,
      ]
      for (const frame of frames) {
        const { ended, send } = yield* connected
        yield* send(frame)
        strictEqual(yield* ended, closing.malformed, frame.slice(0, 40))
      }
      const { ended, sendBytes } = yield* connected
      yield* sendBytes(new TextEncoder().encode('{"id":1,"operations":[]}'))
      strictEqual(yield* ended, 1003)
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("ends when a request has the id of another, or too many have no answer", () =>
    Effect.gen(function* () {
      const twice = yield* connected
      yield* twice.send({ id: 1, claim: waiting })
      yield* twice.send({ id: 1, claim: waiting })
      strictEqual(yield* twice.ended, closing.policy)
      const many = yield* connected
      for (const id of Array.range(0, maxUnanswered)) yield* many.send({ id, claim: waiting })
      strictEqual(yield* many.ended, closing.policy)
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("takes a frame as large as a body, and cuts one that is larger", () =>
    Effect.gen(function* () {
      const frame = (bytes: number) => {
        const rest = JSON.stringify({ id: 1, operations: ["".padEnd(0)] }).length
        return JSON.stringify({ id: 1, operations: ["".padEnd(bytes - rest, "x")] })
      }
      const fits = yield* connected
      yield* fits.send(frame(maxBytes))
      const { body, status } = yield* fits.next
      deepStrictEqual([status, body.answers[0].status], [200, 400])
      const larger = yield* connected
      yield* larger.send(frame(2 * maxBytes))
      strictEqual(yield* larger.ended, 1006)
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive(
    "refuses a frame for which there is no memory, and cuts one that does not fit while it arrives",
    () =>
      Effect.gen(function* () {
        const { next, send } = yield* connected
        const values = (count: number) => JSON.stringify({ id: 1, operations: [Array.replicate(0, count)] })
        yield* send(values(10_000))
        const { body, status } = yield* next
        deepStrictEqual([status, body.error], [503, "body_memory"])
        const cut = yield* connected
        yield* cut.send(values(200_000))
        strictEqual(yield* cut.ended, 1006)
      }).pipe(Effect.provide(serve(MemoryControlPlane.layer, { bodyMemory: 400_000 }))),
  )

  it.scopedLive("counts each request for the rate of its caller", () =>
    Effect.gen(function* () {
      const { next, send } = yield* connected
      const exchange = (id: number) =>
        Effect.zipRight(send({ id, operations: [{ operation: "claim", limit: 0 }] }), next)
      const replies = yield* Effect.forEach(Array.range(1, 5), exchange)
      const refused = replies.find(({ status }) => status === 429)
      deepStrictEqual([refused.body.error, refused.retry_after], ["too_many_requests", 1])
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer, { rateLimit: 2 }))),
  )

  it.scopedLive("ends within seconds of the end of its token, and its claim takes no run", () =>
    Effect.gen(function* () {
      const { ended, send, worker } = yield* connected
      yield* send({ id: 1, claim: waiting })
      yield* call("DELETE", `/agent-workers/workers/${worker.id}/tokens`)
      const [duration, code] = yield* Effect.timed(ended)
      strictEqual(code, closing.policy)
      assertTrue(Duration.toSeconds(duration) <= 3)
      const runId = yield* submit
      strictEqual(yield* statusOf(runId), "pending")
    }).pipe(Effect.provide(server)),
  )

  it.live("answers what waits when the server shuts down, and ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(server, scope)
      const { ended, next, send } = yield* Effect.provide(connected, context)
      yield* send({ id: 1, claim: waiting })
      yield* send({ id: 2, operations: [] })
      yield* next
      yield* Scope.close(scope, Exit.void)
      deepStrictEqual(yield* next, { id: 1, status: 200, body: { runs: [] } })
      strictEqual(yield* ended, closing.goingAway)
    }).pipe(Effect.scoped),
  )
})
