import { HttpApi } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Clock, Console, Effect, Predicate } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Api from "@runlease/http/Api"
import { maxBytes } from "../../../http/src/contract/Body.js"
import { faces } from "./faces.js"
import { call } from "../../../http/test/raw.js"
import { serve, Served } from "../../../http/test/serving.js"
import { exchange, type Reply, request, type Sent } from "../../../http/test/socket.js"
import { sqlite } from "../../../http/test/sqlite.js"
import * as Searches from "../../../testkit/test/Searches.js"

interface Endpoint {
  readonly name: string
  readonly method: string
  readonly path: string
}

const endpoints: ReadonlyArray<Endpoint> = (() => {
  const found: Array<Endpoint> = []
  HttpApi.reflect(Api.withFaces(faces), {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      found.push({ name: endpoint.name, method: endpoint.method, path: endpoint.path })
    },
  })
  return found
})()

/** A body that each endpoint takes; none where it takes none. */
const bodies: Readonly<Record<string, object>> = {
  register: { implementation_kind: "kind", worker_key: "w", display_name: "d", metadata: {} },
  claim: { lease_duration_seconds: 60, limit: 1, wait_seconds: 0, agent_ids: ["a"] },
  exchange: { operations: [{ operation: "claim", limit: 1 }] },
  renew: { lease_duration_seconds: 60 },
  renewMany: { run_ids: ["r"], leases: [{ run_id: "r", lease_epoch: 1 }], lease_duration_seconds: 60 },
  retry: { public_id: "again" },
  retryAll: { since: "2026-01-01T00:00:00Z" },
  retryRows: { row_ids: ["r"] },
  discardRows: { row_ids: ["r"], all: false },
  fork: {
    after_event_id: 1,
    public_id: "fork",
    edits: [
      { type: "step", step: "s", result: { deep: [1] } },
      { type: "tool", tool_call_id: "c", result: "r", is_error: false },
      { type: "text", message_id: "m", text: "t" },
      { type: "answer", interrupt_id: "i", payload: { approved: true } },
      { type: "message", text: "t" },
      { type: "input", input: {} },
      { type: "agent", agent_id: "a" },
    ],
  },
  tell: { text: "t", idempotency_key: "k" },
  stopThread: { runId: "r" },
  drain: { drain: true },
  signIn: { api_key: "k" },
  release: { reason: "r", delay_seconds: 1, count_attempt: true, version: "2" },
  spawn: {
    step_id: "s",
    name: "s",
    detached: true,
    tells_parent: false,
    run: { kind: "agent", public_id: "child", request: { agent_id: "a" } },
  },
  suspend: { tool_call_id: "t", tool_name: "n", expires_in_seconds: 1 },
  session: { session_key: "s", status: "active", metadata: {} },
  submit: {
    kind: "agent",
    owner: { kind: "conversation", id: "00000000-0000-4000-8000-000000000000" },
    public_id: "p",
    parent_run_id: "p",
    conversation_id: "00000000-0000-4000-8000-000000000000",
    trigger: {},
    request: {
      agent_id: "a",
      mode: "m",
      implementation_kind: "k",
      worker_key: "w",
      initial_status: "pending",
      source_target_kind: "project",
      runtime_target_kind: "main_branch",
      request_snapshot: { messages: [], tools: [], context: [] },
      priority: 1,
      available_at: "2026-01-01T00:00:00Z",
      max_attempts: 1,
      concurrency_key: "c",
      fairness_key: "f",
      fairness_weight: 1.5,
    },
  },
  submitMany: { batch_id: "b", runs: [{ kind: "agent", public_id: "p", request: { agent_id: "a" } }] },
  message: {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "run_agent", arguments: { agent_id: "a", message: "m", wait_seconds: 0 } },
  },
  setRollout: { current: "1", ramp: { version: "2", percent: 10 } },
  label: { labels: { customer: "42" } },
  change: { title: "t", metadata: {} },
  branch: { message_id: "00000000-0000-4000-8000-000000000000", title: "t" },
  apply: {
    source: "s",
    prune: true,
    dry_run: true,
    schedules: [{ key: "k", name: "n", target: { kind: "agent", id: "a" }, schedule: "0 2 * * *" }],
  },
  begin: {
    action: "label",
    filter: { status: "pending", agent_id: "a", text: "t", from: "2026-01-01T00:00:00Z", labels: { a: "b" } },
    all: false,
    labels: { customer: "42" },
    reason: "r",
    dry_run: true,
  },
  update: { name: "n", schedule: "0 2 * * *", timezone: "UTC", max_runs: 1 },
  pauseLimit: { concurrency_key: "k" },
  resumeLimit: { concurrency_key: "k" },
  pause: { reason: "r" },
  define: {
    max_running: 4,
    rate: { count: 10, period_seconds: 60, burst: 5 },
    max_pending: 100,
    agent_ids: ["a"],
    key_from: "metadata.customer",
  },
  setProjectLimit: { max_running: 5 },
  setAgentLimit: { max_running: 5 },
  runNow: { run_name: "n", idempotency_key: "k" },
  backfill: { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", limit: 1 },
  complete: { status: "failed", metadata: {}, terminal_error_code: "c", terminal_error_message: "m" },
  resume: { type: "tool_result", tool_call_id: "t", result: 1, is_error: false },
  followUp: {
    public_id: "p2",
    resume: [{ interrupt_id: "i", status: "cancelled" }],
    results: [{ interrupt_id: "t", status: "resolved", payload: 1 }],
    request_snapshot: { messages: [], tools: [], context: [] },
  },
  create: {
    id: "00000000-0000-4000-8000-000000000001",
    project_id: "00000000-0000-4000-8000-000000000000",
    title: "t",
    metadata: {},
  },
  addMessage: {
    role: "user",
    parts: [{ type: "text", text: "t" }],
    idempotency_key: "k",
    parent_id: "p",
    metadata: {},
  },
  append: {
    events: [{ type: "X" }],
    expected_previous_event_id: 0,
    expected_previous_external_event_sequence: 0,
  },
  runAgent: {
    threadId: "t",
    runId: "r",
    parentRunId: "p",
    state: {},
    messages: [{ id: "m", role: "user", content: [{ type: "text", text: "t" }] }],
    tools: [{ name: "n", description: "d", parameters: {} }],
    context: [{ description: "d", value: "v" }],
    forwardedProps: {},
    resume: [{ interruptId: "i", status: "cancelled" }],
  },
  createResponse: {
    model: "nobody",
    background: true,
    stream: true,
    instructions: "i",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "t" },
          { type: "input_image", image_url: "data:,a" },
        ],
      },
      { type: "function_call", call_id: "c", name: "n", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: "o" },
    ],
    tools: [{ type: "function", name: "n", parameters: { type: "object" } }],
    metadata: { a: "1" },
    text: { format: { type: "text" } },
  },
  sendMessages: {
    id: "t",
    messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "t" }], metadata: {} }],
    trigger: "submit-message",
    messageId: "m",
  },
  stopChat: { activeStreamId: "r", assistantMessage: {} },
  rpc: { jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: "run-1", historyLength: 1 } },
  // Of a task that there is not: a new one would be waited for.
  send: {
    message: {
      messageId: "m",
      contextId: "c",
      taskId: "none",
      role: "ROLE_USER",
      parts: [{ text: "t", mediaType: "text/plain", metadata: {} }],
      metadata: {},
      referenceTaskIds: ["t"],
    },
    configuration: { acceptedOutputModes: ["text/plain"], historyLength: 1, returnImmediately: true },
    metadata: {},
  },
  defineSource: {
    scheme: "github",
    agent_id: "a",
    events: ["issues.opened"],
    prompt: "p",
    secret: "0123456789abcdef",
  },
  rotateSource: { secret: "0123456789abcdef", expires_in_seconds: 60 },
  receive: { action: "opened" },
  callback: { interrupt_id: "i", expires_in_seconds: 60 },
  answer: { approved: true },
  respond: { values: { user: "u" } },
  createPushConfig: { url: "https://example.org" },
  prune: { older_than_seconds: 1_000_000, limit: 1 },
  createProject: { slug: "hostile" },
  createKey: { name: "n", admin: false },
  issue: { scopes: ["read"], label: { customer: "42" }, agent_ids: ["a"], expires_in_seconds: 60 },
}

const withoutBody = new Set([
  "signOut",
  "taskOperation",
  "cancelResponse",
  "deletePushConfig",
  "heartbeat",
  "cancel",
  "remove",
  "removeRollout",
  "abort",
  "revokeKey",
  "rotate",
  "revokeTokens",
  "pauseProject",
  "resumeProject",
  "pauseAgent",
  "resumeAgent",
  "test",
])

const deep = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000)

/** Bodies that no endpoint asks for. */
const texts: ReadonlyArray<string | Uint8Array> = [
  "",
  "{",
  "}",
  "null",
  "[]",
  '"x"',
  "5",
  "true",
  "NaN",
  "undefined",
  "{}",
  "\u0000",
  "\uFEFF{}",
  '{"a":1,"a":2}',
  '{"a":1e999}',
  "{'a':1}",
  '{"a":1}garbage',
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"admin":true}}}',
  '{"toString":1,"hasOwnProperty":1,"valueOf":{}}',
  '{"a":"\\ud800"}',
  '{"\\udfff":"\\ud800\\ud800"}',
  Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d),
  deep("[", "]"),
  deep('{"a":', "}").replace("}", "1}"),
  `{"a":${"[".repeat(255)}${"]".repeat(255)}}`,
  "[".repeat(10_000),
  `{"a":"${"[".repeat(10_000)}"}`,
]

/** What takes the place of each value in a body that is right. */
const values: ReadonlyArray<unknown> = [
  "60",
  5.5,
  -1,
  0,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  true,
  null,
  [],
  {},
  [null],
  [[]],
  "",
  "\u0000",
  "a/b",
  "../..",
  "\ud800",
  "half of a pair: \udfff",
  "\u202e\u0000",
  ".",
  "a".repeat(5000),
  JSON.parse('{"__proto__":{"type":"x"},"constructor":1}'),
  { toString: 1 },
  { toString: null, valueOf: 1, toJSON: 1 },
  [JSON.parse('{"__proto__":1,"type":"__proto__"}')],
]

/** A third of the values for each field, another third for the next one. */
const valuesOf = (field: number) => values.filter((_, at) => at % 3 === field % 3)

/** The object with each of its values, also of those in it, replaced in turn. */
const variants = (body: object): ReadonlyArray<object> =>
  Object.entries(body).flatMap(([key, inner], field) => [
    ...valuesOf(field).map((value) => ({ ...body, [key]: value })),
    ...(typeof inner !== "object"
      ? []
      : Array.isArray(inner)
        ? inner
            .filter((item) => typeof item === "object")
            .flatMap((item) => variants(item).map((value) => ({ ...body, [key]: [value] })))
        : variants(inner).map((value) => ({ ...body, [key]: value }))),
  ])

const ids = [
  "%00",
  "a%00b",
  "a%2Fb",
  "..%2F..%2Fetc",
  "%2e",
  "%2e%2e",
  "%ZZ",
  "%",
  "%E0%A4%A",
  "%ED%A0%80",
  "%F0%9F%98%80",
  "__proto__",
  "constructor",
  "toString",
  "%20",
  "a;b",
  "a".repeat(129),
  "%61".repeat(128),
  "a".repeat(4000),
  "'%20OR%201=1--",
]

const queries = [
  "limit=5.5",
  "limit=-1",
  "limit=0",
  "limit=101",
  "limit=1e3",
  "limit=%20",
  "limit=1&limit=2",
  "limit[]=1",
  "cursor=%00",
  "cursor=%ZZ",
  "cursor=__proto__",
  "cursor=a&cursor=b",
  `cursor=${"a".repeat(8000)}`,
  "after_event_id=-1",
  "after_event_id=99999999999999999999",
  "after_event_id=x",
  "wait_seconds=31",
  "wait_seconds=0.5",
  "status=__proto__",
  "status=",
  "status[]=__proto__",
  "metadata.__proto__=1",
  "metadata.=1",
  `metadata.${"a".repeat(8000)}=1`,
  "metadata.a=%00",
  "error.=1",
  "agent_id=%00",
  "conversation_id=1",
  "detach=perhaps",
  "implementation_kind=%00",
  "worker_key=%F0%9F%98%80",
  "__proto__=1",
  "__proto__[a]=1",
  "constructor=1&toString=2",
  "%E0%A4%A=1",
  "&&&===",
  "?",
]

const contentTypes = [
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "multipart/form-data; boundary=x",
  "application/octet-stream",
  "application/json; charset=utf-16",
  "application/json/x",
  "APPLICATION/JSON",
  "json",
  "",
  ";",
  "a".repeat(4000),
]

const secret = "rl_this-must-never-come-back"

const authorizations: ReadonlyArray<ReadonlyArray<readonly [string, string]>> = [
  [],
  [["Authorization", ""]],
  [["Authorization", "Bearer"]],
  [["Authorization", secret]],
  [["Authorization", `Bearer ${secret}`]],
  [["Authorization", `bearer  ${secret}`]],
  [["Authorization", `Bearer ${secret} ${secret}`]],
  [["Authorization", `Basic ${secret}`]],
  [["Authorization", `Bearer ${secret}${"a".repeat(8000)}`]],
  [["Authorization", `Bearer ${secret}\u00e9\u00ff`]],
  [
    ["Authorization", `Bearer ${secret}`],
    ["Authorization", `Bearer ${secret}2`],
  ],
  [["X-API-Key", secret]],
  [["X-API-Key", ""]],
  [
    ["X-API-Key", secret],
    ["X-API-Key", secret],
  ],
]

const strangeHeaders: ReadonlyArray<readonly [string, string]> = [
  ["Last-Event-ID", "x"],
  ["Last-Event-ID", "-1"],
  ["Last-Event-ID", "1.5"],
  ["Last-Event-ID", ""],
  ["Last-Event-ID", "99999999999999999999"],
  ["Last-Event-ID", "\u00ff"],
  ["X-Runlease-Epoch", "x"],
  ["X-Runlease-Epoch", "1.5"],
  ["X-Runlease-Epoch", "999999999999999"],
  ["X-Runlease-Worker", "__proto__"],
  ["X-Runlease-Worker", "00000000-0000-4000-8000-000000000000"],
  ["Traceparent", "00-x-y-z"],
  ["Cookie", "__proto__=1; ;=; a=%ZZ"],
  ["X-HTTP-Method-Override", "DELETE"],
  ["Accept", "\u00ff"],
  ["Accept-Encoding", "gzip;q=x"],
  ["Expect", "100-continue"],
]

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "LOCK"]

/** The endpoint's address, its parts those given, or the one value for each in turn. */
const fill = (path: string, parts: Readonly<Record<string, string>>) =>
  path.replace(/:([a-z_]+)/g, (_, name: string) => parts[name] ?? "missing")

const parametersOf = (path: string) => Array.from(path.matchAll(/:([a-z_]+)/g), ([, name]) => name!)

const isRpcError = (error: unknown): boolean =>
  Predicate.isRecord(error) &&
  Number.isInteger(error["code"]) &&
  Predicate.isString(error["message"]) &&
  error["message"] !== ""

const isOpenAiError = (error: unknown): boolean =>
  Predicate.isRecord(error) &&
  ["code", "message", "type"].every((field) => Predicate.isString(error[field]) && error[field] !== "") &&
  (error["param"] === null || Predicate.isString(error["param"]))

const problemOf = (sent: Sent, reply: Reply, key: string): string | undefined => {
  if (reply.hung) return "hangs"
  if (reply.status === 0) return "breaks off"
  if (reply.status >= 500) return `answers ${reply.status} ${reply.text.slice(0, 200)}`
  if (reply.text.includes(secret) || reply.text.includes(key)) return "tells a token"
  if (reply.status < 400 || sent.method === "HEAD") return undefined
  try {
    const json: unknown = JSON.parse(reply.text)
    const { detail, error, jsonrpc } = json as Record<string, unknown>
    if (sent.path.startsWith("/a2a/") && isRpcError(error)) return undefined
    if (sent.path.startsWith("/openai/") && isOpenAiError(error)) return undefined
    if (typeof error === "string" && error !== "" && typeof detail === "string" && detail !== "")
      return undefined
    // The Model Context Protocol has errors of its own.
    if (jsonrpc === "2.0" && isRpcError(error)) return undefined
  } catch {
    // It is no JSON.
  }
  return `refuses with ${reply.status} ${reply.text.slice(0, 200)}`
}

const collectGarbage = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
  return process.memoryUsage().heapUsed
})

const served = serve(sqlite, { faces })

const json = ["Content-Type", "application/json"] as const

const everything = (endpoint: Endpoint, parts: Readonly<Record<string, string>>, key: string) => {
  const bearer = ["Authorization", `Bearer ${key}`] as const
  const { method } = endpoint
  const path = fill(endpoint.path, parts) + (endpoint.path.startsWith("/a2a/") ? "?A2A-Version=1.0" : "")
  const body = bodies[endpoint.name]
  const sends = method !== "GET"
  const good = body === undefined ? {} : { body: JSON.stringify(body) }
  return [
    ...(sends ? texts.map((text) => ({ method, path, headers: [bearer, json], body: text })) : []),
    ...(body === undefined
      ? []
      : variants(body).map((variant) => ({
          method,
          path,
          headers: [bearer, json],
          body: JSON.stringify(variant),
        }))),
    ...(sends
      ? contentTypes.map((type) => ({
          method,
          path,
          headers: [bearer, ["Content-Type", type] as const],
          body: good.body ?? "{}",
        }))
      : []),
    ...(sends
      ? [{ method, path, headers: [bearer, json, json], body: "{}" }]
      : [{ method, path, headers: [bearer, json], body: "{}" }]),
    ...parametersOf(endpoint.path).flatMap((name) =>
      ids.map((id) => ({
        method,
        path: fill(endpoint.path, { ...parts, [name]: id }),
        headers: [bearer, json],
        ...good,
      })),
    ),
    ...queries.map((query) => ({ method, path: `${path}?${query}`, headers: [bearer, json], ...good })),
    ...authorizations.map((headers) => ({ method, path, headers: [...headers, json], ...good })),
    ...strangeHeaders.map((header) => ({ method, path, headers: [bearer, json, header], ...good })),
    ...strangeHeaders.map((header) => ({ method, path, headers: [bearer, json, header, header], ...good })),
    ...methods.map((other) => ({ method: other, path, headers: [bearer] })),
    ...(sends ? [{ method, path, headers: [bearer, json], body: "", length: maxBytes + 1 }] : []),
  ] satisfies ReadonlyArray<Sent>
}

/** Those of `everything` that a commit sends. Each kind of request goes to a sixth of the endpoints, and each endpoint gets a sixth of them. */
const some = (endpoint: Endpoint, parts: Readonly<Record<string, string>>, key: string) =>
  Searches.chosen(everything(endpoint, parts, key), {
    ...Searches.current,
    seed: Searches.current.seed + endpoints.indexOf(endpoint),
  })

describe("hostile input", () => {
  it.live(
    "is refused everywhere by JSON that says why, soon, and without a trace",
    () =>
      Effect.gen(function* () {
        const { key, url } = yield* Served
        const worker = (yield* call("POST", "/agent-workers/projects/default/workers", {
          body: { implementation_kind: "kind", worker_key: "first" },
        })).json.worker.id
        const { run } = (yield* call("POST", "/runs", {
          body: { kind: "agent", public_id: "run-1", request: { agent_id: "nobody" } },
        })).json
        const parts = {
          project_reference: "default",
          worker_id: worker,
          run_id: "run-1",
          response_id: "resp_1",
          conversation_id: run.owner.id,
          key_id: "00000000-0000-4000-8000-000000000000",
          agent_id: "nobody",
          thread_id: "nobody",
          chat_id: "nobody",
          schedule_id: "00000000-0000-4000-8000-000000000000",
          bulk_id: "00000000-0000-4000-8000-000000000000",
          endpoint_id: "00000000-0000-4000-8000-000000000000",
          input_request_id: "00000000-0000-8000-8000-000000000000",
          delivery_id: "msg_00000000-0000-8000-8000-000000000000",
          project_id: "00000000-0000-4000-8000-000000000000",
          source_name: "source",
          limit_name: "gpu",
          operation: "message:send",
          task_id: "run-1:cancel",
          config_id: "config",
        }
        for (const { method, name, path } of endpoints) {
          assertTrue(method === "GET" || withoutBody.has(name) || name in bodies, `${name} has no body here`)
          assertTrue(
            parametersOf(path).every((part) => part in parts),
            `${name} has an unknown part`,
          )
        }

        const problems: Array<string> = []
        const statuses = new Map<number, number>()
        let count = 0
        let failed = 0
        let hung = 0
        const send = (sent: Sent) =>
          Effect.map(exchange(url, { bytes: request(sent) }), (reply) => {
            count += 1
            statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
            if (reply.status >= 500) failed += 1
            if (reply.hung) hung += 1
            const problem = problemOf(sent, reply, key)
            if (problem !== undefined) {
              problems.push(
                `${sent.method} ${sent.path.slice(0, 160)} ${JSON.stringify(sent.headers?.slice(1) ?? []).slice(0, 120)} ${String(sent.body).slice(0, 120)}: ${problem}`,
              )
            }
          })

        // The first of each warms up what is compiled and kept once.
        yield* Effect.forEach(endpoints, (endpoint) =>
          Effect.forEach(some(endpoint, parts, key).slice(0, 10), send, { discard: true }),
        )
        const before = yield* collectGarbage
        // What prunes goes last: it takes away what the others speak of.
        const order = [
          ...endpoints.filter(({ name }) => name !== "prune"),
          ...endpoints.filter(({ name }) => name === "prune"),
        ]
        for (const endpoint of order) {
          yield* Effect.forEach(some(endpoint, parts, key), send, { concurrency: 8, discard: true })
        }
        const grown = (yield* collectGarbage) - before
        yield* Console.log(
          `hostile input: ${count} requests to ${endpoints.length} endpoints, ${failed} answered 5xx, ${hung} hung, ` +
            `heap ${(grown / 1024 / 1024).toFixed(1)} MiB larger, by status ${JSON.stringify(Object.fromEntries(statuses))}`,
        )
        deepStrictEqual(problems, [])
        assertTrue(grown < 64 * 1024 * 1024)
        strictEqual(
          (yield* call("GET", "/projects")).json.data.some((p: { slug: string }) => p.slug === "default"),
          true,
        )
      }).pipe(Effect.provide(served)),
    600_000,
  )
})

const impatient = serve(MemoryControlPlane.layer, { bodyTimeout: "400 millis" })

describe("a slow or broken sender", () => {
  const sent = (key: string, rest: Partial<Sent>): Sent => ({
    method: "POST",
    path: "/runs",
    headers: [["Authorization", `Bearer ${key}`], json],
    ...rest,
  })

  it.live("is cut off, and delays no other request", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const trickle = exchange(url, {
        bytes: request(sent(key, { body: "{", length: 1000 })),
        meanwhile: (socket) => {
          const timer = setInterval(() => socket.writable && socket.write(" "), 50)
          socket.on("close", () => clearInterval(timer))
        },
      })
      const slow = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 50 }, () => trickle),
          { concurrency: 50 },
        ),
      )
      const begun = yield* Clock.currentTimeMillis
      yield* Effect.forEach(Array.from({ length: 50 }), () => call("GET", "/projects/default/runs"), {
        concurrency: 4,
      })
      const took = (yield* Clock.currentTimeMillis) - begun
      const replies = yield* slow.await.pipe(Effect.flatten)
      deepStrictEqual(Array.from(new Set(replies.map(({ hung, status }) => `${status} ${hung}`))), [
        "408 false",
      ])
      deepStrictEqual(JSON.parse(replies[0]!.text), {
        error: "body_timeout",
        detail: "The body must arrive within 400ms",
        field: "body",
      })
      assertTrue(took < 5000)
    }).pipe(Effect.provide(impatient)),
  )

  it.live("that goes away in the middle of a body leaves nothing behind", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const body = JSON.stringify({ kind: "agent", public_id: "cut", request: { agent_id: "a" } })
      for (const end of ["destroy", "end"] as const) {
        for (let length = 0; length < body.length; length += 7) {
          yield* exchange(url, {
            bytes: request(sent(key, { body: body.slice(0, length), length: body.length })),
            meanwhile: (socket) => setTimeout(() => socket[end](), 2),
          })
        }
      }
      strictEqual((yield* call("GET", "/runs/cut")).status, 404)
      strictEqual((yield* call("GET", "/readyz")).status, 200)
    }).pipe(Effect.provide(impatient)),
  )

  it.live("of more headers than the server reads cannot hide how long a body is", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      // Node.js drops all headers past the thousandth, after it has obeyed them.
      const many = Array.from({ length: 1100 }, () => ["a", "b"] as const)
      const hidden = (rest: Partial<Sent>) => {
        const { headers = [], ...parts } = sent(key, rest)
        return exchange(url, { bytes: request({ ...parts, headers: [...headers, ...many] }) })
      }
      const large = Buffer.alloc(maxBytes + 1, 0x20)
      strictEqual((yield* hidden({ body: large })).status, 413)
      strictEqual((yield* hidden({ path: "/session", headers: [json], body: large })).status, 413)
      const body = JSON.stringify({ kind: "agent", public_id: "many", request: { agent_id: "a" } })
      strictEqual((yield* hidden({ body })).status, 202)
      const multipart = ["Content-Type", "multipart/form-data; boundary=x"] as const
      const bearer = ["Authorization", `Bearer ${key}`] as const
      strictEqual((yield* hidden({ headers: [bearer, multipart], body })).status, 415)
      strictEqual((yield* hidden({ path: "/runs/many/cancel", headers: [bearer] })).status, 200)
    }).pipe(Effect.provide(served)),
  )

  it.live("of too large a body is refused, announced or not, while a body at the limit passes", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const large = Buffer.alloc(maxBytes + 1, 0x20)
      const announced = yield* exchange(url, { bytes: request(sent(key, { body: large })) })
      strictEqual(announced.status, 413)
      const chunked = Buffer.concat([
        request(sent(key, { headers: [...sent(key, {}).headers!, ["Transfer-Encoding", "chunked"]] })),
        Buffer.from(`${large.length.toString(16)}\r\n`),
        large,
        Buffer.from("\r\n0\r\n\r\n"),
      ])
      strictEqual((yield* exchange(url, { bytes: chunked })).status, 413)
      const body = Buffer.alloc(maxBytes, 0x20)
      body.write(JSON.stringify({ kind: "agent", public_id: "fits", request: { agent_id: "a" } }))
      strictEqual((yield* exchange(url, { bytes: request(sent(key, { body })) })).status, 202)
    }).pipe(Effect.provide(served)),
  )
})
