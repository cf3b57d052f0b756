import { FetchHttpClient } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlaneUnavailable, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { JumpClock } from "@runlease/testkit"
import { Effect, Layer, Redacted, TestClock } from "effect"
import * as Client from "../src/Client.js"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"

const list = "/projects/default/runs"

const limited = (rateLimit: number) => serve(MemoryControlPlane.layer, { rateLimit })

describe("the rate limit", () => {
  it.effect("lets each caller send so many at once, and so many a second", () =>
    Effect.gen(function* () {
      const statuses = (count: number, token?: string) =>
        Effect.map(
          Effect.forEach(Array.from({ length: count }), () =>
            call("GET", list, token === undefined ? {} : { token }),
          ),
          (answers) => answers.map(({ status }) => status),
        )
      const { json } = yield* call("POST", "/projects/default/keys", { body: { name: "other" } })
      deepStrictEqual(yield* statuses(5), [200, 200, 200, 429, 429])
      const refused = yield* call("GET", list)
      strictEqual(refused.headers.get("retry-after"), "1")
      deepStrictEqual(refused.json, {
        error: "too_many_requests",
        detail: "This caller sends too many requests; send them more slowly",
      })
      // Another caller has its own, and who is nobody is told so.
      deepStrictEqual(yield* statuses(2, json.token), [200, 200])
      strictEqual((yield* call("GET", list, { token: "nobody" })).status, 401)
      strictEqual((yield* call("GET", "/healthz")).status, 200)
      yield* TestClock.adjust("500 millis")
      deepStrictEqual(yield* statuses(3), [200, 200, 429])
      yield* TestClock.adjust("61 seconds")
      deepStrictEqual(yield* statuses(5), [200, 200, 200, 200, 429])
    }).pipe(Effect.provide(limited(4))),
  )

  it.effect("lets a page send half of that, and the pages of a project what four callers may", () =>
    Effect.gen(function* () {
      yield* Effect.forEach(["a", "b", "c", "d", "e", "f", "g", "h", "i"], (public_id) =>
        Effect.gen(function* () {
          yield* call("POST", "/runs", { body: { kind: "agent", public_id, request: { agent_id: "a" } } })
          yield* TestClock.adjust("1 second")
        }),
      )
      const page = (run_id: string) =>
        Effect.map(
          call("POST", "/projects/default/tokens", { body: { scopes: ["read"], run_id } }),
          ({ json }) => json.token as string,
        )
      const read = (run: string, token: string) =>
        Effect.map(call("GET", `/runs/${run}`, { token }), ({ status }) => status)
      const tokens = yield* Effect.forEach(["a", "b", "c", "d", "e", "f", "g", "h", "i"], (run) =>
        Effect.zipLeft(page(run), TestClock.adjust("1 second")),
      )
      // The tokens of one run are one caller.
      const again = yield* page("a")
      yield* TestClock.adjust("60 seconds")
      deepStrictEqual(
        yield* Effect.all([read("a", tokens[0]!), read("a", again), read("a", tokens[0]!)]),
        [200, 200, 429],
      )
      const others = yield* Effect.forEach(["b", "c", "d", "e", "f", "g", "h", "i"], (run, index) =>
        Effect.all([read(run, tokens[index + 1]!), read(run, tokens[index + 1]!)]),
      )
      deepStrictEqual(others.flat(), [...Array.from({ length: 14 }, () => 200), 429, 429])
      strictEqual((yield* call("GET", list)).status, 200)
    }).pipe(Effect.provide(limited(4))),
  )

  it.effect("lets a worker that sends too much renew its leases, as often as it may send anything else", () =>
    Effect.gen(function* () {
      const { json: worker } = yield* call("POST", "/agent-workers/projects/default/workers", {
        body: { implementation_kind: "kind", worker_key: "worker" },
      })
      yield* call("POST", "/runs", { body: { kind: "agent", public_id: "r", request: { agent_id: "a" } } })
      const at = `/agent-workers/workers/${worker.worker.id}`
      const send = (path: string, body: object = {}) =>
        call("POST", `${at}${path}`, { token: worker.token, body })
      strictEqual((yield* send("/claim")).json.run.run_id, "r")
      yield* Effect.repeat(send("/heartbeat"), { until: ({ status }) => status === 429 })
      strictEqual((yield* send("/claim")).status, 429)

      const many = yield* send("/leases", { run_ids: ["r"] })
      deepStrictEqual([many.status, many.json.leases[0].status], [200, "held"])
      strictEqual((yield* send("/runs/r/lease")).json.run.status, "running")
      strictEqual((yield* send("/leases?x=1", { run_ids: ["r"] })).status, 200)
      strictEqual((yield* send("/leases", { run_ids: ["r"] })).status, 200)
      const refused = yield* send("/leases", { run_ids: ["r"] })
      deepStrictEqual([refused.status, refused.headers.get("retry-after")], [429, "1"])
      strictEqual((yield* send("/claim")).status, 429)
    }).pipe(Effect.provide(limited(4))),
  )

  it.live("goes on when the wall clock is set back", () =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      yield* Effect.gen(function* () {
        strictEqual((yield* call("GET", list)).status, 200)
        yield* clock.setWall(-3_600_000)
        strictEqual((yield* call("GET", list)).status, 200)
      }).pipe(Effect.provide(limited(4)), Effect.withClock(clock))
    }),
  )

  it.effect("of less than one a second says how long to wait", () =>
    Effect.gen(function* () {
      strictEqual((yield* call("GET", list)).status, 200)
      strictEqual((yield* call("GET", list)).headers.get("retry-after"), "10")
      yield* TestClock.adjust("10 seconds")
      strictEqual((yield* call("GET", list)).status, 200)
    }).pipe(Effect.provide(limited(0.1))),
  )

  it.effect("reaches a client as a retryable failure, with the time to wait", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const error = yield* Effect.flatMap(Runs.Runs, (runs) => Effect.flip(Effect.forever(runs.list()))).pipe(
        Effect.provide(
          Layer.provide(Client.layerWith({ baseUrl: url, token: Redacted.make(key) }), FetchHttpClient.layer),
        ),
      )
      assertTrue(error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable)
      deepStrictEqual([error.retryable, error.retryAfterMillis], [true, 1000])
    }).pipe(Effect.provide(limited(2))),
  )
})
