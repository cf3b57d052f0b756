import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type Access, Ids, Run } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Deferred, Effect, Fiber } from "effect"
import type { Socket } from "node:net"
import { maxBytes } from "../src/contract/Body.js"
import { sharesOf } from "../src/contract/Principal.js"
import * as Bodies from "../src/server/Bodies.js"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"
import { exchange, request, type Sent } from "./socket.js"

const mebibyte = 1024 * 1024

/** A quarter of it, the share of one caller, is room for one body of 10 MiB and what is parsed from it. */
const limited = serve(MemoryControlPlane.layer, { bodyMemory: 88 * mebibyte })

const submission = (id: string) =>
  JSON.stringify({ kind: "agent", public_id: id, request: { agent_id: "a" } })

/** A request to submit a run, or the beginning of one. */
const sent = (key: string, { headers = [], ...rest }: Partial<Sent> = {}): Sent => ({
  method: "POST",
  path: "/runs",
  headers: [["Authorization", `Bearer ${key}`], ["Content-Type", "application/json"], ...headers],
  ...rest,
})

const chunked: Partial<Sent> = { headers: [["Transfer-Encoding", "chunked"]] }

const chunkOf = (bytes: Uint8Array) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])

/** Begins a request and leaves it unfinished; the connection closes with the Scope. */
const begin = Effect.fnUntraced(function* (bytes: Uint8Array) {
  const { url } = yield* Served
  const socket = yield* Deferred.make<Socket>()
  const reply = yield* Effect.forkScoped(
    exchange(url, {
      bytes,
      within: 30_000,
      meanwhile: (made) => Deferred.unsafeDone(socket, Effect.succeed(made)),
    }),
  )
  return { reply, socket: yield* Deferred.await(socket) }
})

/** What a body of 1 MiB gets, asked for until it is not what it was. */
const probe = (key: string) =>
  call("POST", "/runs", { token: key, text: " ".repeat(mebibyte) + submission("probe") })

const until = (key: string, status: number) =>
  Effect.repeat(probe(key), { until: (answer) => answer.status === status })

const foreignKey = Effect.map(
  call("POST", "/projects/other/keys", { body: { name: "foreign" } }),
  ({ json }) => json.token as string,
)

const otherKey = Effect.map(
  call("POST", "/projects/default/keys", { body: { name: "other" } }),
  ({ json }) => json.token as string,
)

describe("the memory of bodies", () => {
  it.live("is counted from what is announced, for each caller, and given back", () =>
    Effect.gen(function* () {
      const { key } = yield* Served
      const other = yield* otherKey
      const bodies = yield* Effect.all([
        begin(request(sent(key, { length: maxBytes }))),
        begin(request(sent(key, { length: maxBytes }))),
      ])
      const refused = yield* until(key, 503)
      strictEqual(refused.headers.get("retry-after"), "1")
      deepStrictEqual(refused.json, {
        error: "body_memory",
        detail: "The bodies that are being read take all the memory that they may; try again",
        field: "body",
      })
      // Others have shares of their own, and what is small is never refused.
      strictEqual((yield* probe(other)).status, 202)
      strictEqual((yield* call("POST", "/runs", { text: submission("small") })).status, 202)
      for (const { socket } of bodies) socket.destroy()
      strictEqual((yield* until(key, 202)).status, 202)
    }).pipe(Effect.scoped, Effect.provide(limited)),
  )

  it.live("is counted as a body of unannounced length grows", () =>
    Effect.gen(function* () {
      const { key } = yield* Served
      const head = request(sent(key, chunked))
      const bodies = yield* Effect.all([begin(head), begin(head), begin(head)])
      strictEqual((yield* probe(key)).status, 202)
      for (const { socket } of bodies) socket.write(chunkOf(Buffer.alloc(9 * mebibyte, 0x20)))
      strictEqual((yield* until(key, 503)).json.error, "body_memory")
      // The body that found no room is refused once it has come; the others are as good as they were.
      for (const { socket } of bodies)
        socket.write(Buffer.concat([chunkOf(Buffer.from(submission("grown"))), Buffer.from("0\r\n\r\n")]))
      const statuses = yield* Effect.forEach(bodies, ({ reply }) =>
        Effect.map(Fiber.join(reply), ({ status }) => status),
      )
      assertTrue(statuses.includes(503))
      strictEqual((yield* until(key, 202)).status, 202)
    }).pipe(Effect.scoped, Effect.provide(limited)),
  )

  it.live("is bounded for all callers of a project together", () =>
    Effect.gen(function* () {
      const { key } = yield* Served
      yield* call("POST", "/projects", { body: { slug: "other" } })
      const [foreign, another] = yield* Effect.all([foreignKey, foreignKey])
      const keys = yield* Effect.all(Array.from({ length: 4 }, () => otherKey))
      // Three shares, but for a few bytes, which is what a project has, and a share of another project.
      yield* Effect.forEach([...keys.slice(1), foreign], (each) =>
        Effect.all([
          begin(request(sent(each, { length: maxBytes }))),
          begin(request(sent(each, { length: maxBytes }))),
        ]),
      )
      yield* begin(request(sent(keys[0]!, { length: 4 * mebibyte })))
      strictEqual((yield* until(key, 503)).json.error, "body_memory")
      strictEqual((yield* probe(another)).status, 202)
      strictEqual((yield* call("POST", "/runs", { text: submission("small") })).status, 202)
    }).pipe(Effect.scoped, Effect.provide(limited)),
  )

  it.live("a body of many values is refused before it is parsed", () =>
    Effect.gen(function* () {
      const text = `{"x":[${"{},".repeat(3 * mebibyte)}0]}`
      const { json, status } = yield* call("POST", "/runs", { text })
      deepStrictEqual([status, json.error], [413, "body_too_complex"])
    }).pipe(Effect.provide(limited)),
  )

  it.live("the largest body passes, whole or in the smallest chunks", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const body = Buffer.alloc(maxBytes, 0x20)
      body.write(submission("largest"))
      strictEqual((yield* exchange(url, { bytes: request(sent(key, { body })) })).status, 202)
      const text = Buffer.from(submission("tiny-é".padEnd(100, "x")))
      const bytes = Buffer.concat([
        request(sent(key, chunked)),
        ...Array.from(text, (byte) => chunkOf(Buffer.from([byte]))),
        Buffer.from("0\r\n\r\n"),
      ])
      const tiny = yield* exchange(url, { bytes })
      deepStrictEqual(
        [tiny.status, JSON.parse(Buffer.from(tiny.text, "latin1").toString()).run.run_id],
        [202, "tiny-é".padEnd(100, "x")],
      )
    }).pipe(Effect.provide(limited)),
  )

  it.effect("counts what is parsed by containers and values, none of them within strings", () =>
    Effect.sync(() => {
      strictEqual(Bodies.parsedBytes('{"a":[1,2]}', 8), 11 + 2 * 64 + 16)
      strictEqual(Bodies.parsedBytes('"[,{\\"["', 8), 8)
      strictEqual(Bodies.parsedBytes("[[[", 2), undefined)
    }),
  )

  it.effect("gives back all that a request took, and knows nothing of one that took nothing", () =>
    Effect.sync(() => {
      const budget = Bodies.makeBudget(400)
      const taker = (name: string) => ({
        shares: [{ name, part: 1 / 4 }],
        request: { source: {} } as never,
      })
      const first = taker("a")
      strictEqual(budget.take(first, 60), true)
      strictEqual(budget.take(first, 40), true)
      strictEqual(budget.take(taker("a"), 1), false)
      strictEqual(budget.take(taker("b"), 100), true)
      budget.release(first.request)
      budget.release(first.request)
      strictEqual(budget.take(taker("a"), 100), true)
    }),
  )

  it.effect(
    "is shared by the pages of a project, which leave half of its share to its keys and workers",
    () =>
      Effect.sync(() => {
        const budget = Bodies.makeBudget(1600)
        const projectId = Ids.ProjectId.make("00000000-0000-4000-8000-000000000001")
        const keyId = Ids.KeyId.make("00000000-0000-4000-8000-000000000003")
        const take = (principal: Access.Principal, bytes: number) =>
          budget.take({ shares: sharesOf(principal), request: { source: {} } as never }, bytes)
        const page = (runId: string): Access.Principal => ({
          _tag: "Browser",
          projectId,
          grant: {
            projectId,
            scopes: ["read"],
            bound: { _tag: "Run", runId: Ids.RunId.make(runId) },
            expiresAt: 1,
          },
        })
        deepStrictEqual(
          ["a", "a", "b", "c", "d"].map((runId) => take(page(runId), 200)),
          [true, false, true, true, false],
        )
        strictEqual(take({ _tag: "ApiKey", keyId, projectId, admin: false }, 400), true)
      }),
  )

  it.effect("is shared by the programs of a worker, and by the callers of a project", () =>
    Effect.sync(() => {
      const budget = Bodies.makeBudget(800)
      const take = (principal: Access.Principal, bytes: number) =>
        budget.take({ shares: sharesOf(principal), request: { source: {} } as never }, bytes)
      const projectId = Ids.ProjectId.make("00000000-0000-4000-8000-000000000001")
      const workerId = Ids.WorkerId.make("00000000-0000-4000-8000-000000000002")
      const worker = { _tag: "Worker", projectId, workerId } as const
      const key = (id: string, of = projectId): Access.Principal => ({
        _tag: "ApiKey",
        keyId: Ids.KeyId.make(id),
        projectId: of,
        admin: false,
      })
      const program = (runId: string): Access.Principal => ({
        _tag: "Run",
        projectId,
        lease: { workerId, runId: Ids.RunId.make(runId), epoch: Run.LeaseEpoch.make(1) },
      })
      // Runs that are not there have no more together than the programs of the worker.
      deepStrictEqual(
        ["a", "a", "b", "c", "d", "e", "f"].map((runId) => take(program(runId), 100)),
        [true, false, true, false, false, false, false],
      )
      strictEqual(take(worker, 200), true)
      strictEqual(take(key("00000000-0000-4000-8000-000000000003"), 200), true)
      strictEqual(take(key("00000000-0000-4000-8000-000000000004"), 1), false)
      const other = Ids.ProjectId.make("00000000-0000-4000-8000-000000000005")
      strictEqual(take(key("00000000-0000-4000-8000-000000000006", other), 200), true)
    }),
  )
})
