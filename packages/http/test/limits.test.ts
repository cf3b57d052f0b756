import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const served = serve(MemoryControlPlane.layer)
const at = "/projects/default/limits/api"
const rate = { count: 10, period_seconds: 60 }

const submit = (publicId: string, key = "eu") => ({
  kind: "agent",
  public_id: publicId,
  request: { agent_id: "a", limits: { api: key } },
})

describe("a limit with a name over HTTP", () => {
  it.live("has what was set, and no longer what a later request leaves out", () =>
    Effect.gen(function* () {
      const set = yield* call("PUT", at, { body: { max_running: 4, rate, max_pending: 100 } })
      const whole = { name: "api", max_running: 4, rate: { ...rate, burst: 1 }, max_pending: 100 }
      deepStrictEqual([set.status, set.json], [200, whole])
      deepStrictEqual((yield* call("GET", at)).json, whole)
      yield* call("PUT", at, { body: { rate: { ...rate, burst: 5 }, max_pending: null } })
      deepStrictEqual((yield* call("GET", at)).json, {
        name: "api",
        max_running: null,
        rate: { ...rate, burst: 5 },
        max_pending: null,
      })
    }).pipe(Effect.provide(served)),
  )

  it.live("is refused with the field that is wrong", () =>
    Effect.gen(function* () {
      const refusals = [
        [{}, 422, "max_running"],
        [{ max_running: null, rate: null }, 422, "max_running"],
        [{ rate: { count: 1, period_seconds: 31_536_000, burst: 2 } }, 422, "rate.burst"],
        [{ max_running: -1 }, 400, "max_running"],
        [{ max_pending: 0.5 }, 400, "max_pending"],
        [{ rate: { ...rate, count: 0 } }, 400, "rate.count"],
        [{ rate: { ...rate, period_seconds: 0 } }, 400, "rate.period_seconds"],
        [{ rate: { ...rate, burst: 100_001 } }, 400, "rate.burst"],
        [{ rate: { ...rate, bursts: 2 } }, 400, "rate.bursts"],
        [{ rates: rate }, 400, "rates"],
      ] as const
      for (const [body, status, field] of refusals) {
        const answer = yield* call("PUT", at, { body })
        deepStrictEqual([body, answer.status, answer.json.field], [body, status, field])
      }
      strictEqual((yield* call("GET", at)).status, 404)
      const unknown = yield* call("POST", "/runs", { body: submit("1") })
      deepStrictEqual([unknown.status, unknown.json.field], [400, "limits.api"])
      yield* call("PUT", at, { body: { rate } })
      const long = yield* call("POST", "/runs", { body: submit("1", "k".repeat(129)) })
      deepStrictEqual([long.status, long.json.field], [400, "request.limits.api"])
    }).pipe(Effect.provide(served)),
  )

  it.live("refuses a submission that is too much for now, and says when to send it again", () =>
    Effect.gen(function* () {
      yield* call("PUT", at, { body: { rate, max_pending: 0 } })
      strictEqual((yield* call("POST", "/runs", { body: submit("1") })).status, 202)
      const { headers, json, status } = yield* call("POST", "/runs", { body: submit("2") })
      strictEqual(status, 429)
      deepStrictEqual(json.error, "too_many_pending")
      deepStrictEqual(json.limit, { name: "api", key: "eu", max_pending: 0 })
      strictEqual(headers.get("retry-after"), String(json.retry_after_seconds))
      const repeated = yield* call("POST", "/runs", { body: submit("1") })
      deepStrictEqual([repeated.status, repeated.json.duplicate], [202, true])
      const batch = yield* call("POST", "/runs/batch", { body: { runs: [submit("2"), submit("us", "us")] } })
      deepStrictEqual(
        batch.json.answers.map((answer: { readonly status: number }) => answer.status),
        [429, 202],
      )
    }).pipe(Effect.provide(served)),
  )
})
