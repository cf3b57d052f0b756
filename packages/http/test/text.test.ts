import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

const uuid = "00000000-0000-4000-8000-000000000001"
const run = (request: object, rest: object = {}) => ({
  kind: "agent",
  ...rest,
  request: { agent_id: "a", ...request },
})

type Bad = readonly [path: string, body: (bad: string) => object, field: string]

const ids: ReadonlyArray<Bad> = [
  ["/runs", (bad) => run({}, { public_id: bad }), "public_id"],
  ["/runs", (bad) => run({ agent_id: bad }), "request.agent_id"],
  ["/ag-ui/a", (bad) => ({ threadId: "t", runId: bad, messages: [], tools: [], context: [] }), "runId"],
]

const texts: ReadonlyArray<Bad> = [
  ...ids,
  ["/runs", (bad) => run({}, { parent_run_id: bad }), "parent_run_id"],
  ["/runs", (bad) => run({ mode: bad }), "request.mode"],
  ["/runs", (bad) => run({ implementation_kind: bad }), "request.implementation_kind"],
  ["/runs", (bad) => run({ worker_key: bad }), "request.worker_key"],
  ["/runs", (bad) => run({ concurrency_key: bad }), "request.concurrency_key"],
  ["/runs", (bad) => run({ source_target_release_version: bad }), "request.source_target_release_version"],
  ["/runs", (bad) => run({ runtime_target_release_version: bad }), "request.runtime_target_release_version"],
  [
    "/runs",
    (bad) => run({}, { trigger: { conversation_id: uuid, message_id: uuid, tool_call_id: bad } }),
    "trigger.tool_call_id",
  ],
  ["/ag-ui/a", (bad) => ({ threadId: bad, runId: "r", messages: [], tools: [], context: [] }), "threadId"],
  ["/conversations", (bad) => ({ title: bad }), "title"],
  [`/conversations/${uuid}/messages`, (bad) => ({ role: bad, parts: [] }), "role"],
  [
    `/conversations/${uuid}/messages`,
    (bad) => ({ role: "user", parts: [], idempotency_key: bad }),
    "idempotency_key",
  ],
  [`/conversations/${uuid}/messages`, (bad) => ({ role: "user", parts: [], parent_id: bad }), "parent_id"],
  ["/projects", (bad) => ({ slug: bad }), "slug"],
  ["/projects/default/keys", (bad) => ({ name: bad }), "name"],
  [
    "/agent-workers/projects/default/workers",
    (bad) => ({ implementation_kind: "k", worker_key: "w", display_name: bad }),
    "display_name",
  ],
  [`/agent-workers/workers/${uuid}/claim`, (bad) => ({ agent_ids: [bad] }), "agent_ids.0"],
]

const stores = [
  ["memory", MemoryControlPlane.layer],
  ["SQLite", sqlite],
] as const

for (const [name, store] of stores) {
  describe(`ids and texts (HTTP before ${name})`, () => {
    it.live("that no store can keep are refused, and say where they are", () =>
      Effect.gen(function* () {
        const accepted: Array<string> = []
        for (const [path, body, field] of texts) {
          for (const bad of ["\u0000", "half \ud800", "\udfff half"]) {
            const { json, status } = yield* call("POST", path, { body: body(bad) })
            if (status !== 400 || json.field !== field || json.error !== "invalid_request") {
              accepted.push(`${path} ${field} ${JSON.stringify(bad)}: ${status} ${JSON.stringify(json)}`)
            }
          }
        }
        deepStrictEqual(accepted, [])
        deepStrictEqual((yield* call("GET", "/projects/default/runs")).json.data, [])
      }).pipe(Effect.provide(serve(store))),
    )

    it.live("that nobody sees, or that are longer than a name, are refused", () =>
      Effect.gen(function* () {
        const names = texts.filter(([, , field]) =>
          /^(public_id|request\.(agent_id|mode|concurrency_key)|runId|name|display_name)$/.test(field),
        )
        for (const [path, body, field] of names) {
          for (const bad of ["a\u009b2J", "a\u202eb", "a\u200bb", "a\u2028b", "a".repeat(257)]) {
            const { json, status } = yield* call("POST", path, { body: body(bad) })
            deepStrictEqual([path, bad, status, json.field], [path, bad, 400, field])
          }
        }
        deepStrictEqual((yield* call("GET", "/projects/default/runs")).json.data, [])
      }).pipe(Effect.provide(serve(store))),
    )

    it.live("that no address can name are refused", () =>
      Effect.gen(function* () {
        for (const [path, body, field] of ids) {
          for (const bad of [".", ".."]) {
            const { json, status } = yield* call("POST", path, { body: body(bad) })
            deepStrictEqual(
              [status, json.detail, json.field],
              [400, `${field}: must not be . or .., which no URL can name`, field],
            )
          }
        }
        strictEqual((yield* call("POST", "/runs", { body: run({}, { public_id: "..." }) })).status, 202)
        strictEqual((yield* call("GET", "/runs/...")).status, 200)
      }).pipe(Effect.provide(serve(store))),
    )

    it.live("in fields that choose how a body is read are refused when they are no text", () =>
      Effect.gen(function* () {
        for (const bad of [{ toString: 1 }, { toString: null, valueOf: 1 }, []]) {
          const bodies = [
            ["/runs", { ...run({}), kind: bad }, "kind"],
            ["/runs", run({}, { owner: { kind: bad, id: uuid } }), "owner.kind"],
            ["/runs/r/resume", { type: bad }, "type"],
          ] as const
          for (const [path, body, field] of bodies) {
            const { json, status } = yield* call("POST", path, { body })
            deepStrictEqual([status, json.error, json.field], [400, "invalid_request", field])
          }
        }
      }).pipe(Effect.provide(serve(store))),
    )
  })
}
