import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"

const runs = "/projects/default/runs"

const submitted = call("POST", "/runs", {
  body: { kind: "agent", public_id: "r", request: { agent_id: "a" } },
})

/** Opens what lasts until its run ends or its client leaves, and answers the function that leaves. */
const opened = (path: string, token: string) =>
  Effect.gen(function* () {
    const { url } = yield* Served
    const client = new AbortController()
    const response = yield* Effect.promise(() =>
      fetch(url + path, { headers: { authorization: `Bearer ${token}` }, signal: client.signal }),
    )
    return { status: response.status, leave: () => client.abort() }
  })

describe("open requests", () => {
  it.live(
    "of a caller are a quarter of all; workers still claim, others still call, and one that leaves makes room",
    () =>
      Effect.gen(function* () {
        const { key } = yield* Served
        const other = (yield* call("POST", "/projects/default/keys", { body: { name: "other" } })).json
          .token as string
        const { json: worker } = yield* call("POST", "/agent-workers/projects/default/workers", {
          body: { implementation_kind: "kind", worker_key: "worker" },
        })
        yield* submitted

        const streams = yield* Effect.forEach([1, 2, 3, 4], () => opened("/runs/r/stream", key))
        deepStrictEqual(
          streams.map(({ status }) => status),
          [200, 200, 200, 200],
        )
        const refused = yield* call("GET", runs)
        deepStrictEqual([refused.status, refused.headers.get("retry-after")], [429, "1"])
        deepStrictEqual(refused.json, {
          error: "too_many_requests",
          detail: "Too many requests of this caller, or of its project, wait or stream; end some of them",
        })
        strictEqual((yield* call("GET", "/healthz")).status, 200)
        strictEqual((yield* call("GET", runs, { token: other })).status, 200)
        const claim = `/agent-workers/workers/${worker.worker.id}/claim`
        strictEqual((yield* call("POST", claim, { token: worker.token, body: {} })).json.run.run_id, "r")

        streams[0]!.leave()
        yield* Effect.repeat(call("GET", runs), { until: ({ status }) => status === 200 })
        strictEqual((yield* opened("/runs/r/stream", key)).status, 200)
        strictEqual((yield* call("GET", runs)).status, 429)
      }).pipe(Effect.provide(serve(MemoryControlPlane.layer, { openRequests: 16 }))),
  )

  it.live("that wait count too", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      yield* submitted
      const client = new AbortController()
      const wait = fetch(`${url}/runs/r/events?wait_seconds=30&type=RUN_ERROR`, {
        headers: { authorization: `Bearer ${key}` },
        signal: client.signal,
      }).catch(() => undefined)
      yield* Effect.repeat(call("GET", runs), { until: ({ status }) => status === 429 })
      client.abort()
      yield* Effect.promise(() => wait)
      yield* Effect.repeat(call("GET", runs), { until: ({ status }) => status === 200 })
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer, { openRequests: 4 }))),
  )
})
