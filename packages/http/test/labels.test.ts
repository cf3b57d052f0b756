import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const submit = (public_id: string, labels?: unknown) =>
  call("POST", "/runs", { body: { kind: "agent", public_id, request: { agent_id: "agent", labels } } })

const list = (query: string) =>
  Effect.map(call("GET", `/projects/default/${query}`), ({ json, status }) =>
    status === 200 ? json.data.map((run: { readonly run_id: string }) => run.run_id) : json,
  )

describe("labels over HTTP", () => {
  it.scoped("are in a submission, in every shape of a run that has some, and in a PATCH", () =>
    Effect.gen(function* () {
      const labels = { customer: "42", tier: "gold" }
      const submitted = yield* submit("labelled", labels)
      deepStrictEqual([submitted.status, submitted.json.run.labels], [202, labels])
      strictEqual("labels" in (yield* submit("bare")).json.run, false)
      deepStrictEqual((yield* call("GET", "/runs/labelled")).json.labels, labels)
      deepStrictEqual((yield* call("GET", "/runs/labelled/summary")).json.labels, labels)
      const at = `/conversations/${submitted.json.run.owner.id}/runs/labelled`
      deepStrictEqual((yield* call("GET", at)).json.labels, labels)
      deepStrictEqual((yield* call("GET", "/runs/bare/summary")).json.labels, {})
      yield* call("POST", "/runs/labelled/cancel")
      const changes = { labels: { tier: null, reviewed: "yes" } }
      const changed = yield* call("PATCH", "/runs/labelled", { body: changes })
      deepStrictEqual(
        [changed.status, changed.json.status, changed.json.labels],
        [200, "cancelled", { customer: "42", reviewed: "yes" }],
      )
      const emptied = yield* call("PATCH", "/runs/labelled", {
        body: { labels: { customer: null, reviewed: null } },
      })
      strictEqual("labels" in emptied.json, false)
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )

  it.scoped("refuse what no run can have, and name the field", () =>
    Effect.gen(function* () {
      const sixteen = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`n${index}`, "v"]))
      yield* submit("full", sixteen)
      const refusal = (request: ReturnType<typeof call>) =>
        Effect.map(request, ({ json, status }) => [status, json.error, json.field])
      const patch = (body: unknown, run = "full") => refusal(call("PATCH", `/runs/${run}`, { body }))
      deepStrictEqual(yield* refusal(submit("a", { ...sixteen, more: "v" })), [
        400,
        "invalid_request",
        "request.labels",
      ])
      deepStrictEqual(yield* refusal(submit("b", { Upper: "v" })), [
        400,
        "invalid_request",
        "request.labels.Upper",
      ])
      deepStrictEqual(yield* refusal(submit("c", { a: "" })), [400, "invalid_request", "request.labels.a"])
      deepStrictEqual(yield* patch({ labels: { more: "v" } }), [422, "labels_refused", "labels"])
      deepStrictEqual(yield* patch({ labels: { a: 1 } }), [400, "invalid_request", "labels.a"])
      // A record loses this name, so that a filter of it would narrow nothing.
      const lost = '{"__proto__":"x"}'
      const cancelAll = `{"action":"cancel","filter":{"labels":${lost}}}`
      const request = `{"kind":"agent","request":{"agent_id":"agent","labels":${lost}}}`
      for (const [method, path, text, field] of [
        ["POST", "/projects/default/bulk", cancelAll, "filter.labels"],
        ["POST", "/runs", request, "request.labels"],
        ["PATCH", "/runs/full", `{"labels":${lost}}`, "labels"],
      ] as const) {
        deepStrictEqual(yield* refusal(call(method, path, { text })), [400, "invalid_request", field])
      }
      strictEqual((yield* call("GET", "/runs/full")).json.status, "pending")
      deepStrictEqual(yield* patch({ labels: {}, status: "completed" }), [400, "invalid_request", "status"])
      deepStrictEqual(yield* patch({ labels: {} }, "nowhere"), [404, "run_not_found", "run_id"])
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )

  it.scoped("narrow lists, once or several times", () =>
    Effect.gen(function* () {
      yield* submit("a", { customer: "42", tier: "gold" })
      yield* submit("b", { customer: "42", note: "a:b c" })
      yield* submit("c")
      for (const path of ["runs", "run-summaries"]) {
        deepStrictEqual(yield* list(`${path}?label=customer:42`), ["b", "a"])
        deepStrictEqual(yield* list(`${path}?label=customer:42&label=tier:gold`), ["a"])
        deepStrictEqual(yield* list(`${path}?label=${encodeURIComponent("note:a:b c")}`), ["b"])
        deepStrictEqual(yield* list(`${path}?label=customer:43`), [])
        for (const wrong of [
          "label=customer",
          "label=customer:42&label=customer:43",
          "label=Customer:42",
          "label=__proto__:x",
        ]) {
          const refused = yield* list(`${path}?${wrong}`)
          deepStrictEqual([refused.error, refused.field], ["invalid_request", "label"])
        }
      }
      const counts = yield* call("GET", "/projects/default/run-counts?label=customer:42")
      deepStrictEqual([counts.json.counts.pending, counts.json.whole], [2, true])
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )
})
