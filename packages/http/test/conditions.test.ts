import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const layer = serve(MemoryControlPlane.layer)

const submit = (public_id: string, request: object = {}) =>
  call("POST", "/runs", {
    body: {
      kind: "agent",
      public_id,
      request: { agent_id: "writer", initial_status: "running", ...request },
    },
  })

const complete = (id: string, body: object) => call("POST", `/runs/${id}/complete`, { body })

/** Runs in several states: `gold`, `free` and `failed` have ended, `running` and `pending` have not. */
const someRuns = Effect.gen(function* () {
  yield* submit("gold")
  yield* complete("gold", { status: "completed", metadata: { customer: { plan: "gold" } } })
  yield* submit("free", { agent_id: "reader" })
  yield* complete("free", { status: "completed", metadata: { customer: { plan: "free" } } })
  yield* submit("failed")
  yield* complete("failed", { status: "failed", terminal_error_code: "TIMEOUT" })
  yield* submit("running", { agent_id: "other" })
  yield* submit("pending", { initial_status: "pending" })
})

const list = (query: string) =>
  Effect.map(call("GET", `/projects/default/${query}`), ({ json, status }) =>
    status === 200
      ? json.data.map((run: { readonly run_id: string }) => run.run_id)
      : [status, json.error, json.field],
  )

describe("conditions of a list over HTTP", () => {
  it.scoped("a repeated name is any of its values, and different names all hold", () =>
    Effect.gen(function* () {
      yield* someRuns
      for (const path of ["runs", "run-summaries"]) {
        const found = (query: string) => list(`${path}?${query}`)
        deepStrictEqual(yield* found("status=pending&status=running"), ["pending", "running"])
        deepStrictEqual(yield* found("status[]=pending&status[]=running&target_type[]=agent"), [
          "pending",
          "running",
        ])
        deepStrictEqual(yield* found("status%5B%5D=failed&status=completed"), ["failed", "free", "gold"])
        deepStrictEqual(yield* found("status=completed"), ["free", "gold"])
        deepStrictEqual(yield* found("agent_id=reader&target_id[]=other"), ["running", "free"])
        deepStrictEqual(yield* found("agent_id=reader&agent_id=other&status=running"), ["running"])
        deepStrictEqual(yield* found("metadata.customer.plan=gold"), ["gold"])
        deepStrictEqual(yield* found("metadata.customer.plan=gold&metadata.customer.plan=free"), [
          "free",
          "gold",
        ])
        deepStrictEqual(yield* found("metadata.customer.plan=gold&agent_id=reader"), [])
        deepStrictEqual(yield* found("error.code=TIMEOUT&error_code=other"), ["failed"])
        deepStrictEqual(yield* found("root_only=true&status=running"), ["running"])
        deepStrictEqual(yield* found("sort_by=created_at&sort_order=asc&limit=3"), ["gold", "free", "failed"])
        deepStrictEqual(yield* found("sort_order=desc&limit=2"), ["pending", "running"])
        const first = yield* call("GET", `/projects/default/${path}?sort_order=asc&limit=3`)
        const cursor = encodeURIComponent(first.json.page_info.next)
        deepStrictEqual(yield* found(`sort_order=asc&limit=3&cursor=${cursor}`), ["running", "pending"])
      }
      const counts = yield* call("GET", "/projects/default/run-counts?metadata.customer.plan=gold")
      deepStrictEqual([counts.json.counts.completed, counts.json.searched], [1, 5])
    }).pipe(Effect.provide(layer)),
  )

  it.scoped("a name that is none is refused, and so are values that none can be", () =>
    Effect.gen(function* () {
      yield* someRuns
      for (const path of ["runs", "run-summaries", "run-counts"]) {
        const refused = (query: string) => list(`${path}?${query}`)
        for (const [query, field] of [
          ["metadata=gold", "metadata"],
          ["metadata.=gold", "metadata."],
          ["metadata.a..b=gold", "metadata.a..b"],
          ["metadata.a=", "metadata.a"],
          [`metadata.${"a".repeat(201)}=1`, `metadata.${"a".repeat(201)}`],
          [Array.from({ length: 21 }, (_, index) => `metadata.a=${index}`).join("&"), "metadata.a"],
          [Array.from({ length: 9 }, (_, index) => `metadata.a${index}=1`).join("&"), "metadata"],
          ["error.message=x", "error.message"],
          ["trigger_id=x", "trigger_id"],
          ["trigger_type[]=schedule", "trigger_type[]"],
        ] as const) {
          deepStrictEqual(yield* refused(query), [422, "invalid_filter", field])
        }
        deepStrictEqual(yield* refused("target_type[]=workflow"), [400, "invalid_request", "target_type[].0"])
        const many = Array.from({ length: 21 }, (_, index) => `agent_id=a${index}`).join("&")
        deepStrictEqual(yield* refused(many), [400, "invalid_request", "agent_id"])
      }
      for (const path of ["runs", "run-summaries"]) {
        deepStrictEqual(yield* list(`${path}?status=done`), [400, "invalid_request", "status.0"])
        deepStrictEqual(yield* list(`${path}?sort_by=duration`), [400, "invalid_request", "sort_by"])
        deepStrictEqual(yield* list(`${path}?sort_order=up`), [400, "invalid_request", "sort_order"])
      }
    }).pipe(Effect.provide(layer)),
  )

  it.live("a bulk operation takes the same, and shows them again", () =>
    Effect.gen(function* () {
      yield* someRuns
      const begin = (filter: object) =>
        call("POST", "/projects/default/bulk", { body: { action: "label", labels: { team: "x" }, filter } })
      const filter = {
        status: ["completed", "failed"],
        agent_id: ["writer", "reader"],
        metadata: { "customer.plan": ["gold", "free"] },
      }
      const { json } = yield* begin(filter)
      deepStrictEqual([json.bulk.filter, json.bulk.done], [filter, 2])
      deepStrictEqual(yield* list("runs?label=team:x"), ["free", "gold"])
      const codes = yield* begin({ error_code: ["TIMEOUT", "other"], status: "failed" })
      deepStrictEqual([codes.json.bulk.filter.status, codes.json.bulk.done], ["failed", 1])
      const wrong = yield* begin({ metadata: { "a..b": "x" } })
      deepStrictEqual([wrong.status, wrong.json.field], [400, "filter.metadata.a..b"])
      strictEqual((yield* begin({ status: [] })).status, 400)
    }).pipe(Effect.provide(layer)),
  )
})
