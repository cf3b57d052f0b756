import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const uuid = "00000000-0000-4000-8000-000000000001"
const message = { id: "m", role: "user", parts: [{ type: "text", text: "hi", anything: 1 }] }
const request = {
  agent_id: "a",
  mode: "m",
  initial_status: "pending",
  source_target_kind: "project",
  runtime_target_kind: "main_branch",
  request_snapshot: {
    messages: [{ ...message, metadata: { anything: 1 }, createdAt: "2026-01-01T00:00:00Z" }],
    tools: [{ anything: 1 }],
    context: [{ anything: 1 }],
    forwardedProps: { anything: 1 },
    state: { anything: 1 },
    traceContext: { traceId: "t", spanId: "s", traceFlags: 1 },
  },
  priority: 1,
  available_at: "2026-01-01T00:00:00Z",
  max_attempts: 1,
  ttl_seconds: 600,
  timeout_seconds: 3600,
  concurrency_key: "c",
  concurrency_limit: 1,
  fairness_key: "f",
  fairness_weight: 1.5,
}

/** What an ordinary submission has not. */
const debounced = { agent_id: "a", debounce: { key: "k", seconds: 5, max_seconds: 60 } }

/** The fields of every body that a user writes, and what else may be in it. */
const bodies: ReadonlyArray<readonly [path: string, body: object, status: number]> = [
  [
    "/runs",
    {
      kind: "agent",
      public_id: "p",
      trigger: { conversation_id: uuid, message_id: uuid, tool_call_id: "t" },
      request,
    },
    202,
  ],
  ["/runs", { kind: "agent", request: debounced }, 202],
  ["/conversations", { id: uuid, title: "t", metadata: { anything: 1 } }, 201],
  [
    `/conversations/${uuid}/messages`,
    {
      role: "user",
      parts: message.parts,
      idempotency_key: "k",
      parent_id: "p",
      metadata: { anything: 1 },
    },
    201,
  ],
  [
    "/projects/default/bulk",
    {
      action: "label",
      filter: {
        status: "failed",
        agent_id: "a",
        conversation_id: uuid,
        parent_run_id: "p",
        text: "t",
        from: "2026-01-01T00:00:00Z",
        to: "2026-01-02T00:00:00Z",
        attempt: 1,
        error_code: "c",
        roots: true,
        labels: { anything: "1" },
      },
      all: false,
      labels: { anything: "1" },
      reason: "r",
      dry_run: false,
    },
    202,
  ],
  [
    "/projects/default/tokens",
    { scopes: ["read"], label: { anything: "42" }, agent_ids: ["a"], expires_in_seconds: 60 },
    201,
  ],
  // There is no such run to be answered, but the bodies fit.
  [
    "/runs/r/resume",
    { type: "tool_result", tool_call_id: "t", result: { anything: 1 }, is_error: true },
    404,
  ],
  [
    "/runs/r/resume",
    {
      type: "interrupts",
      resume: [{ interrupt_id: "i", status: "resolved", payload: { anything: 1 }, is_error: false }],
    },
    404,
  ],
]

/** Every way to say one field too many in the named objects of a body. */
const withUnknown = (
  value: unknown,
  path: ReadonlyArray<string> = [],
): ReadonlyArray<readonly [unknown, string]> => {
  if (typeof value !== "object" || value === null || "anything" in value) return []
  const inner = Object.entries(value).flatMap(([key, part]) =>
    withUnknown(part, [...path, key]).map(([changed, where]): readonly [unknown, string] => [
      Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed },
      where,
    ]),
  )
  return Array.isArray(value) ? inner : [[{ ...value, unheard: 1 }, [...path, "unheard"].join(".")], ...inner]
}

const served = serve(MemoryControlPlane.layer)

const refusalOf = (path: string, body: unknown) =>
  Effect.map(call("POST", path, { body }), ({ json, status }) => {
    strictEqual(status, 400)
    strictEqual(json.error, "invalid_request")
    return [json.field, json.detail]
  })

describe("a body that a user writes", () => {
  it.live("may have every field that the API names", () =>
    Effect.gen(function* () {
      for (const [path, body, status] of bodies) {
        const answer = yield* call("POST", path, { body })
        deepStrictEqual([path, answer.status], [path, status])
      }
    }).pipe(Effect.provide(served)),
  )

  it.live("is refused for any other field, wherever that is, and changes nothing", () =>
    Effect.gen(function* () {
      yield* call("POST", "/conversations", { body: { id: uuid } })
      let count = 0
      for (const [path, body] of bodies) {
        for (const [changed, field] of withUnknown(body)) {
          const { json, status } = yield* call("POST", path, { body: changed })
          deepStrictEqual([path, status, json.field], [path, 400, field])
          count += 1
        }
      }
      strictEqual(count, 17)
      deepStrictEqual((yield* call("GET", "/projects/default/runs")).json.data, [])
      deepStrictEqual((yield* call("GET", `/conversations/${uuid}/messages`)).json.data, [])
    }).pipe(Effect.provide(served)),
  )

  it.live("names the field that was likely meant, or all fields", () =>
    Effect.gen(function* () {
      const run = (rest: object) => ({ kind: "agent", request: { agent_id: "a", ...rest } })
      deepStrictEqual(yield* refusalOf("/runs", run({ maxAttempts: 2 })), [
        "request.maxAttempts",
        "request.maxAttempts: is not a field here; did you mean max_attempts?",
      ])
      deepStrictEqual(yield* refusalOf("/runs", { ...run({}), pubic_id: "x" }), [
        "pubic_id",
        "pubic_id: is not a field here; did you mean public_id?",
      ])
      const [field, detail] = yield* refusalOf("/runs", run({ messages: [message] }))
      strictEqual(field, "request.messages")
      for (const name of ["agent_id", "request_snapshot", "concurrency_key"]) {
        strictEqual(detail.includes(name), true)
      }
      deepStrictEqual(
        yield* refusalOf("/runs/r/resume", {
          type: "interrupts",
          resume: [{ interruptId: "i", interrupt_id: "i", status: "resolved" }],
        }),
        ["resume.0.interruptId", "resume.0.interruptId: is not a field here; did you mean interrupt_id?"],
      )
    }).pipe(Effect.provide(served)),
  )

  it.live("of another kind of run is answered 422, whatever else it says", () =>
    Effect.gen(function* () {
      const { json, status } = yield* call("POST", "/runs", { body: { kind: "task", unheard: 1 } })
      deepStrictEqual([status, json.field], [422, "kind"])
    }).pipe(Effect.provide(served)),
  )
})

describe("a body that a worker writes", () => {
  it.live("may have fields of a later version", () =>
    Effect.gen(function* () {
      const registered = yield* call("POST", "/agent-workers/projects/default/workers", {
        body: { implementation_kind: "k", worker_key: "w", unheard: 1 },
      })
      strictEqual(registered.status, 201)
      yield* call("POST", "/runs", { body: { kind: "agent", public_id: "r", request: { agent_id: "a" } } })
      const { token, worker } = registered.json
      const at = `/agent-workers/workers/${worker.id}`
      const claimed = yield* call("POST", `${at}/claim`, { token, body: { unheard: 1 } })
      strictEqual(claimed.json.run.run_id, "r")
      const { conversation_id } = claimed.json.run
      const answers = [
        call("POST", `${at}/runs/r/lease`, { token, body: { unheard: 1 } }),
        call("POST", `${at}/leases`, { token, body: { run_ids: ["r"], unheard: 1 } }),
        call("PUT", `${at}/runs/r/session`, { token, body: { session_key: "s", unheard: 1 } }),
        call("POST", `/conversations/${conversation_id}/runs/r/events`, {
          token,
          body: { events: [{ type: "X" }], unheard: 1 },
        }),
        call("POST", `${at}/exchange`, {
          token,
          body: { operations: [{ operation: "claim", unheard: 1 }], unheard: 1 },
        }),
        call("POST", "/runs/r/complete", { token, body: { status: "completed", unheard: 1 } }),
      ]
      const statuses = (yield* Effect.all(answers)).map(({ status }) => status)
      deepStrictEqual(
        statuses,
        answers.map(() => 200),
      )
    }).pipe(Effect.provide(served)),
  )
})
