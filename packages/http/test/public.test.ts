import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Schema } from "effect"
import { type Call, call } from "./raw.js"
import { serve } from "./serving.js"

// The public API as its clients are written for: every key demanded, and nothing forgiven. Keys that the server adds
// are looked over, as those clients do.

const text = Schema.String
const textOrNull = Schema.NullOr(Schema.String)
const uuid = Schema.UUID
const uuidOrNull = Schema.NullOr(Schema.UUID)
const count = Schema.NonNegativeInt
const integerOrNull = Schema.NullOr(Schema.Int)
/** Null or a value, never absent. */
const anything = Schema.Unknown.pipe(
  Schema.filter((value) => value !== undefined, { message: () => "must be there" }),
)
const instant = Schema.String.pipe(Schema.pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/))
const instantOrNull = Schema.NullOr(instant)

const Worker = Schema.Struct({
  id: uuid,
  project_id: uuid,
  implementation_kind: text,
  worker_key: text,
  status: text,
  created_at: instant,
  updated_at: instant,
  display_name: textOrNull,
  last_heartbeat_at: instantOrNull,
  metadata: anything,
})

const Session = Schema.Struct({
  id: uuid,
  run_id: text,
  implementation_kind: text,
  worker_id: uuidOrNull,
  session_key: text,
  status: Schema.Literal("active", "completed", "failed", "cancelled"),
  created_at: instant,
  updated_at: instant,
  ended_at: instantOrNull,
  metadata: anything,
})

const sourceKind = Schema.NullOr(Schema.Literal("project", "environment", "preview_branch", "release"))

const targets = {
  source_target_kind: sourceKind,
  source_target_environment_id: uuidOrNull,
  source_target_branch_id: uuidOrNull,
  source_target_release_version: textOrNull,
  runtime_target_kind: textOrNull,
  runtime_target_environment_id: uuidOrNull,
  runtime_target_branch_id: uuidOrNull,
}

/** Absent, or a value: never null. */
const Snapshot = Schema.Struct({
  messages: Schema.Array(
    Schema.Struct({
      id: text,
      role: text,
      parts: Schema.Array(Schema.Struct({ type: text })),
      metadata: Schema.optionalWith(Schema.Object, { exact: true }),
      createdAt: Schema.optionalWith(text, { exact: true }),
    }),
  ),
  tools: Schema.Array(Schema.Unknown),
  context: Schema.Array(Schema.Unknown),
  forwardedProps: Schema.optionalWith(Schema.Object, { exact: true }),
  traceContext: Schema.optionalWith(Schema.Struct({ traceId: text, spanId: text, traceFlags: Schema.Int }), {
    exact: true,
  }),
})

const Run = Schema.Struct({
  run_id: text,
  conversation_id: uuid,
  message_id: uuid,
  project_id: uuidOrNull,
  agent_id: text,
  status: text,
  request_snapshot: Schema.NullOr(Snapshot),
  ...targets,
  latest_event_id: count,
  latest_external_event_sequence: count,
  lease_owner: textOrNull,
  lease_expires_at: instantOrNull,
  worker_session: Schema.NullOr(Session),
})

const CanonicalRun = Schema.Struct({
  run_id: text,
  kind: Schema.Literal("agent"),
  status: Schema.Literal("pending", "running", "waiting", "completed", "failed", "cancelled"),
  owner: Schema.Struct({ kind: Schema.Literal("conversation"), id: uuid }),
  root_run_id: text,
  created_at: instant,
  updated_at: instant,
  artifacts: Schema.Array(Schema.Unknown),
  parent_run_id: textOrNull,
  waiting_reason: textOrNull,
  target: textOrNull,
  workflow_id: textOrNull,
  schedule_id: textOrNull,
  batch_id: textOrNull,
  runtime_target_environment_id: textOrNull,
  runtime_target_branch_id: textOrNull,
  logs: textOrNull,
  start_mode: textOrNull,
  trigger_id: textOrNull,
  created_by: textOrNull,
  started_at: instantOrNull,
  completed_at: instantOrNull,
  duration_ms: integerOrNull,
  exit_code: integerOrNull,
  timeout_seconds: integerOrNull,
  backoff_limit: integerOrNull,
  metadata: anything,
  input: anything,
  config: anything,
  output: anything,
  runtime_target_kind: Schema.NullOr(Schema.Literal("main_branch", "environment", "preview_branch")),
  trigger_kind: Schema.NullOr(Schema.Literal("manual", "schedule", "webhook", "api")),
  error: Schema.NullOr(
    Schema.Struct({
      message: text,
      code: Schema.optionalWith(text, { exact: true }),
      detail: Schema.optionalWith(text, { exact: true }),
    }),
  ),
})

const ConversationRun = Schema.Struct({
  run_id: text,
  conversation_id: uuid,
  message_id: uuid,
  latest_event_id: count,
  latest_external_event_sequence: count,
  status: Schema.Literal("pending", "running", "waiting_for_tool", "completed", "failed", "cancelled"),
  waiting_tool_call_id: textOrNull,
  waiting_tool_name: textOrNull,
  agent_id: text,
  project_id: uuidOrNull,
  created_at: instant,
  started_at: instantOrNull,
  finished_at: instantOrNull,
  terminal_error_code: textOrNull,
  terminal_error_message: textOrNull,
  parent_run_id: textOrNull,
  ...targets,
})

const PageInfo = Schema.Struct({
  self: textOrNull,
  first: Schema.Null,
  next: textOrNull,
  prev: textOrNull,
})

const LogEntry = Schema.Struct({
  event_id: count,
  event_type: Schema.NonEmptyString,
  payload: Schema.Struct({ type: Schema.NonEmptyString }),
  created_at: instant,
})

const pageOf = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.Struct({ data: Schema.Array(item), page_info: PageInfo })

const Refusal = Schema.Struct({ error: Schema.NonEmptyString, detail: Schema.NonEmptyString })

/** One request, whose answer must have that status and be of that schema. */
const ask = <A, I>(schema: Schema.Schema<A, I>, status: number, method: string, path: string, rest?: Call) =>
  Effect.gen(function* () {
    const answer = yield* call(method, path, rest)
    deepStrictEqual(
      [method, path, answer.status, answer.text.slice(0, answer.status === status ? 0 : 500)],
      [method, path, status, ""],
    )
    assertTrue((answer.headers.get("content-type") ?? "").startsWith("application/json"))
    return yield* Schema.decodeUnknown(schema)(answer.json)
  })

const aWorker = Schema.Struct({ worker: Worker, token: text })
const aRun = Schema.Struct({ run: Schema.NullOr(Run) })

describe("a client of the public API", () => {
  it.live("finds everything that it demands", () =>
    Effect.gen(function* () {
      const workers = "/agent-workers/projects/default/workers"
      const registration = {
        implementation_kind: "python-worker_1",
        implementation_display_name: "Python",
        worker_key: "host-1:8080",
        display_name: null,
        metadata: { region: "eu" },
      }
      const first = yield* ask(aWorker, 201, "POST", workers, { body: registration })
      const { token, worker } = yield* ask(aWorker, 201, "POST", workers, { body: registration })
      strictEqual(worker.id, first.worker.id)
      deepStrictEqual(worker.metadata, { region: "eu" })
      const at = `/agent-workers/workers/${worker.id}`
      yield* ask(Schema.Struct({ worker: Worker, token: textOrNull }), 200, "POST", `${at}/heartbeat`, {
        token,
        text: "",
        headers: { "content-type": "application/json" },
      })
      strictEqual((yield* ask(aRun, 200, "POST", `${at}/claim`, { token })).run, null)

      const conversation = yield* ask(
        Schema.Struct({ id: uuid, project_id: uuid }),
        201,
        "POST",
        "/conversations",
        { body: { title: "A talk", metadata: { a: 1 } } },
      )
      strictEqual(conversation.project_id, worker.project_id)
      const talk = `/conversations/${conversation.id}`
      const message = yield* ask(Schema.Struct({ id: uuid }), 201, "POST", `${talk}/messages`, {
        body: { role: "user", parts: [{ type: "text", text: "hi" }], idempotency_key: "m-1" },
      })
      yield* ask(Schema.Struct({ id: uuid }), 200, "GET", talk)
      yield* ask(
        Schema.Struct({
          data: Schema.Array(
            Schema.Struct({ id: uuid, role: text, parts: Schema.Array(Schema.Struct({ type: text })) }),
          ),
        }),
        200,
        "GET",
        `${talk}/messages`,
      )

      const submission = (publicId: string, request = {}) => ({
        body: {
          kind: "agent",
          owner: { kind: "conversation", id: conversation.id },
          public_id: publicId,
          trigger: { conversation_id: conversation.id, message_id: message.id, tool_call_id: "call-0" },
          request: {
            mode: "chat",
            agent_id: "support",
            implementation_kind: "python-worker_1",
            worker_key: "host-1:8080",
            initial_status: "pending",
            source_target_kind: "release",
            source_target_release_version: "v1",
            runtime_target_kind: "environment",
            runtime_target_environment_id: conversation.id,
            ...request,
          },
        },
      })
      const Submitted = Schema.Struct({
        accepted: Schema.Literal(true),
        duplicate: Schema.optionalWith(Schema.Boolean, { exact: true }),
        run: CanonicalRun,
      })
      const { run } = yield* ask(Submitted, 202, "POST", "/runs", submission("run-1"))
      strictEqual(run.runtime_target_kind, "environment")
      strictEqual((yield* ask(Submitted, 202, "POST", "/runs", submission("run-1"))).duplicate, true)
      yield* ask(Refusal, 409, "POST", "/runs", submission("run-1", { agent_id: "other" }))
      yield* ask(ConversationRun, 200, "GET", `${talk}/runs/run-1`)
      yield* ask(Refusal, 422, "POST", "/runs", { body: { kind: "workflow" } })

      const claimed = (yield* ask(aRun, 200, "POST", `${at}/claim`, {
        token,
        body: { lease_duration_seconds: 152 },
      })).run!
      deepStrictEqual(
        [claimed.run_id, claimed.status, claimed.source_target_release_version, claimed.lease_owner],
        ["run-1", "running", "v1", worker.id],
      )
      deepStrictEqual(
        claimed.request_snapshot!.messages.map(({ id }) => id),
        [message.id],
      )

      const { session } = yield* ask(
        Schema.Struct({ session: Session }),
        200,
        "PUT",
        `${at}/runs/run-1/session`,
        { token, body: { session_key: "s-1", status: "active", metadata: {} } },
      )
      strictEqual(session.worker_id, worker.id)
      const renewed = yield* ask(aRun, 200, "POST", `${at}/runs/run-1/lease`, {
        token,
        body: { lease_duration_seconds: 60 },
      })
      strictEqual(renewed.run!.worker_session!.id, session.id)
      strictEqual((yield* ask(aRun, 200, "POST", `${at}/runs/other/lease`, { token })).run, null)

      const Appended = Schema.Struct({
        latest_event_id: count,
        latest_external_event_sequence: count,
        appended_count: count,
        run: ConversationRun,
      })
      const events = [
        { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "hello" },
        { type: "TEXT_MESSAGE_END", messageId: "m" },
      ]
      const append = `${talk}/runs/run-1/events`
      const appended = yield* ask(Appended, 200, "POST", append, {
        token,
        body: {
          events,
          expected_previous_event_id: claimed.latest_event_id,
          expected_previous_external_event_sequence: claimed.latest_external_event_sequence,
        },
      })
      deepStrictEqual([appended.appended_count, appended.latest_external_event_sequence], [3, 3])
      // Public clients append with the API key too.
      const byKey = yield* ask(Appended, 200, "POST", append, { body: { events: [{ type: "OURS" }] } })
      strictEqual(byKey.latest_external_event_sequence, 4)
      const mismatch = yield* ask(Refusal, 400, "POST", append, {
        token,
        body: { events, expected_previous_external_event_sequence: 9 },
      })
      strictEqual(mismatch.detail, "External run event cursor mismatch")

      const log = yield* ask(pageOf(LogEntry), 200, "GET", "/runs/run-1/events?after_event_id=1&limit=2")
      deepStrictEqual(
        log.data.map(({ event_type, payload }) => [event_type, payload.type]),
        [
          ["TEXT_MESSAGE_START", "TEXT_MESSAGE_START"],
          ["TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CONTENT"],
        ],
      )

      const Completed = Schema.Struct({ completed: Schema.Boolean, run: CanonicalRun })
      const outcome = {
        status: "failed",
        terminal_error_code: "model_down",
        terminal_error_message: "It is down",
      }
      const completed = yield* ask(Completed, 200, "POST", "/runs/run-1/complete", { token, body: outcome })
      deepStrictEqual(
        [completed.completed, completed.run.status, completed.run.error],
        [true, "failed", { message: "It is down", code: "model_down" }],
      )
      const late = yield* ask(Completed, 200, "POST", "/runs/run-1/complete", {
        body: { status: "completed", metadata: null },
      })
      deepStrictEqual([late.completed, late.run.status], [false, "failed"])
      const terminal = yield* ask(Refusal, 400, "POST", append, { body: { events } })
      strictEqual(terminal.detail, "Cannot append external events to a terminal run")
      const ended = yield* ask(ConversationRun, 200, "GET", `${talk}/runs/run-1`)
      strictEqual(ended.terminal_error_code, "model_down")

      yield* ask(Submitted, 202, "POST", "/runs", submission("run-2", { initial_status: "running" }))
      strictEqual((yield* ask(aRun, 200, "POST", `${at}/claim`, { token })).run, null)
      const Cancelled = Schema.Struct({ cancelled: Schema.Boolean, run: CanonicalRun })
      const cancelling = { text: "", headers: { "content-type": "application/json" } }
      const cancelled = yield* ask(Cancelled, 200, "POST", "/runs/run-2/cancel", cancelling)
      deepStrictEqual([cancelled.cancelled, cancelled.run.status], [true, "cancelled"])
      strictEqual((yield* ask(Cancelled, 200, "POST", "/runs/run-2/cancel", cancelling)).cancelled, false)

      yield* ask(Submitted, 202, "POST", "/runs", submission("run-3"))
      strictEqual((yield* ask(aRun, 200, "POST", `${at}/claim`, { token })).run!.run_id, "run-3")
      // How a run comes to wait is the server's affair.
      yield* call("POST", `${at}/runs/run-3/suspend`, {
        token,
        body: { tool_call_id: "t", tool_name: "ask" },
      })
      strictEqual((yield* ask(CanonicalRun, 200, "GET", "/runs/run-3")).status, "waiting")
      const waiting = yield* ask(ConversationRun, 200, "GET", `${talk}/runs/run-3`)
      deepStrictEqual(
        [waiting.status, waiting.waiting_tool_call_id, waiting.waiting_tool_name],
        ["waiting_for_tool", "t", "ask"],
      )
      const Resumed = Schema.Struct({
        accepted: Schema.Literal(true),
        duplicate: Schema.optionalWith(Schema.Boolean, { exact: true }),
      })
      const answer = { type: "tool_result", tool_call_id: "t", result: { ok: true }, is_error: false }
      yield* ask(Refusal, 409, "POST", "/runs/run-3/resume", { body: { ...answer, tool_call_id: "u" } })
      yield* ask(Resumed, 200, "POST", "/runs/run-3/resume", { body: answer })
      const again = (yield* ask(aRun, 200, "POST", `${at}/claim`, { token })).run!
      assertTrue(again.request_snapshot!.messages.length > 1)

      const runs = "/projects/default/runs"
      const page = yield* ask(pageOf(CanonicalRun), 200, "GET", `${runs}?limit=2`)
      deepStrictEqual(
        page.data.map(({ run_id }) => run_id),
        ["run-3", "run-2"],
      )
      const next = encodeURIComponent(page.page_info.next!)
      const rest = yield* ask(pageOf(CanonicalRun), 200, "GET", `${runs}?limit=2&cursor=${next}`)
      deepStrictEqual([rest.data.map(({ run_id }) => run_id), rest.page_info.next], [["run-1"], null])

      yield* ask(Refusal, 404, "GET", "/runs/nothing")
      yield* ask(Refusal, 401, "GET", "/runs/run-1", { token: "nobody" })
      yield* ask(Refusal, 403, "GET", "/runs/run-1", { token })
      yield* ask(Refusal, 405, "PUT", "/runs/run-1")
      yield* ask(Refusal, 415, "POST", "/runs", { text: "{}", headers: { "content-type": "text/plain" } })
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )
})
