import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { type Answer, call } from "./raw.js"
import { serve, Served } from "./serving.js"

const served = serve(MemoryControlPlane.layer)

const test = <A, E>(title: string, body: Effect.Effect<A, E, Served>) =>
  it.live(title, () => Effect.provide(body, served))

const register = (workerKey = "w", options = {}) =>
  Effect.map(
    call("POST", "/agent-workers/projects/default/workers", {
      body: { implementation_kind: "kind", worker_key: workerKey },
      ...options,
    }),
    ({ json }) => ({ id: json.worker.id as string, token: json.token as string }),
  )

const submit = (runId: string, request = {}) =>
  Effect.map(
    call("POST", "/runs", {
      body: { kind: "agent", public_id: runId, request: { agent_id: "agent", ...request } },
    }),
    ({ json }) => json.run,
  )

const claim = (worker: { readonly id: string; readonly token: string }, body = {}) =>
  Effect.map(
    call("POST", `/agent-workers/workers/${worker.id}/claim`, { token: worker.token, body }),
    ({ json }) => json.run,
  )

/** A run that `worker` holds, and where to append to it. */
const held = Effect.gen(function* () {
  const worker = yield* register()
  yield* submit("run-1")
  const run = yield* claim(worker)
  return { worker, run, events: `/conversations/${run.conversation_id}/runs/run-1/events` }
})

const refused = (answer: Answer, status: number, error: string, detail?: string) => {
  strictEqual(answer.status, status)
  strictEqual(answer.headers.get("content-type"), "application/json")
  strictEqual(answer.json.error, error)
  assertTrue(typeof answer.json.detail === "string" && answer.json.detail.length > 0)
  if (detail !== undefined) strictEqual(answer.json.detail, detail)
}

const keysOf = (value: object) => Object.keys(value).sort()

const canonicalKeys = (
  "run_id kind status owner root_run_id created_at updated_at artifacts parent_run_id waiting_reason target workflow_id " +
  "schedule_id batch_id runtime_target_environment_id runtime_target_branch_id logs start_mode trigger_id created_by " +
  "started_at completed_at duration_ms exit_code timeout_seconds backoff_limit metadata input config output " +
  "runtime_target_kind trigger_kind error"
)
  .split(" ")
  .sort()

const claimKeys = (
  "run_id agent_id status conversation_id message_id project_id request_snapshot source_target_kind runtime_target_kind " +
  "source_target_release_version source_target_environment_id source_target_branch_id runtime_target_environment_id " +
  "runtime_target_branch_id latest_event_id latest_external_event_sequence lease_owner lease_expires_at worker_session " +
  "lease_epoch attempt max_attempts waited_ms queued_ms"
)
  .split(" ")
  .sort()

describe("the messages that a run carries from others", () => {
  test(
    "are not for a caller to name",
    Effect.gen(function* () {
      const first = yield* call("POST", "/runs", {
        body: { kind: "agent", public_id: "first", request: { agent_id: "agent" } },
      })
      const carries = {
        lead: 0,
        runs: [{ id: "first", own: 0, output: 0, upTo: 0 }],
        output: [],
        without: [],
        title: null,
      }
      const request_snapshot = { messages: [], tools: [], context: [], carries }
      const { json, status } = yield* call("POST", "/runs", {
        body: {
          kind: "agent",
          owner: first.json.run.owner,
          request: { agent_id: "agent", request_snapshot },
        },
      })
      deepStrictEqual([status, json.field], [400, "request.request_snapshot.carries"])
    }),
  )
})

describe("the trace of a caller", () => {
  test(
    "is that of the run which it submits, unless the request names another or the header is none",
    Effect.gen(function* () {
      const traceOf = (runId: string, traceparent: string, snapshot?: object) =>
        Effect.gen(function* () {
          const request = { agent_id: "agent", ...(snapshot && { request_snapshot: snapshot }) }
          yield* call("POST", "/runs", {
            headers: { traceparent },
            body: { kind: "agent", public_id: runId, request },
          })
          return (yield* call("GET", `/runs/${runId}/snapshot`)).json.traceContext
        })
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      const spanId = "b7ad6b7169203331"
      deepStrictEqual(yield* traceOf("run-1", `00-${traceId}-${spanId}-00`), {
        traceId,
        spanId,
        traceFlags: 0,
      })
      const traceContext = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 }
      const snapshot = { messages: [], tools: [], context: [], traceContext }
      deepStrictEqual(yield* traceOf("run-2", `00-${traceId}-${spanId}-01`, snapshot), traceContext)
      for (const [index, header] of ["nonsense", `00-${"0".repeat(32)}-${spanId}-01`].entries()) {
        strictEqual(yield* traceOf(`run-none-${index}`, header), undefined)
      }
    }),
  )
})

describe("workers", () => {
  test(
    "register gives the worker and a token, and again the same worker",
    Effect.gen(function* () {
      const first = yield* call("POST", "/agent-workers/projects/default/workers", {
        body: { implementation_kind: "kind", worker_key: "w", display_name: null, metadata: { a: 1 } },
      })
      strictEqual(first.status, 201)
      deepStrictEqual(keysOf(first.json), ["token", "worker"])
      strictEqual(first.json.worker.display_name, null)
      deepStrictEqual(first.json.worker.metadata, { a: 1 })
      const again = yield* register("w")
      strictEqual(again.id, first.json.worker.id)
      assertTrue(again.token !== first.json.token)
      const listed = yield* call("GET", "/agent-workers/projects/default/workers")
      strictEqual(listed.json.data.length, 1)
      deepStrictEqual(listed.json.page_info, { self: null, first: null, next: null, prev: null })
    }),
  )

  test(
    "heartbeat takes an empty body, whatever its content type",
    Effect.gen(function* () {
      const worker = yield* register()
      const beat = yield* call("POST", `/agent-workers/workers/${worker.id}/heartbeat`, {
        token: worker.token,
        text: "",
        headers: { "content-type": "application/json" },
      })
      strictEqual(beat.status, 200)
      strictEqual(beat.json.token, null)
      strictEqual(beat.json.worker.id, worker.id)
    }),
  )

  test(
    "claim gives every key of the run, or null",
    Effect.gen(function* () {
      const worker = yield* register()
      const none = yield* call("POST", `/agent-workers/workers/${worker.id}/claim`, { token: worker.token })
      strictEqual(none.text, '{"run":null}')
      yield* submit("run-1", { source_target_kind: "release", source_target_release_version: "v1" })
      const run = yield* claim(worker, { lease_duration_seconds: 152 })
      deepStrictEqual(keysOf(run), claimKeys)
      strictEqual(run.status, "running")
      strictEqual(run.source_target_release_version, "v1")
      deepStrictEqual(run.request_snapshot, { messages: [], tools: [], context: [] })
      const limited = yield* call("POST", `/agent-workers/workers/${worker.id}/claim`, {
        token: worker.token,
        body: { limit: 3 },
      })
      deepStrictEqual(limited.json, { run: null, runs: [] })
    }),
  )

  test(
    "claim is strict about its numbers and its path",
    Effect.gen(function* () {
      const { id } = yield* register()
      for (const lease_duration_seconds of [4, 301, 5.5, "60", true, [60]]) {
        const answer = yield* call("POST", `/agent-workers/workers/${id}/claim`, {
          body: { lease_duration_seconds },
        })
        refused(answer, 400, "invalid_request")
        strictEqual(answer.json.field, "lease_duration_seconds")
      }
      refused(
        yield* call("POST", "/agent-workers/workers/nobody/claim", { body: {} }),
        400,
        "invalid_request",
      )
      const unknown = "00000000-0000-4000-8000-000000000000"
      refused(
        yield* call("POST", `/agent-workers/workers/${unknown}/claim`, { body: {} }),
        404,
        "worker_not_found",
      )
    }),
  )

  test(
    "renew gives the run while it is held or cancelled, and null once it is lost",
    Effect.gen(function* () {
      const { worker } = yield* held
      const lease = (runId: string) => `/agent-workers/workers/${worker.id}/runs/${runId}/lease`
      const kept = yield* call("POST", lease("run-1"), { token: worker.token })
      deepStrictEqual(
        keysOf(kept.json.run),
        claimKeys.filter((key) => key !== "queued_ms"),
      )
      const lost = yield* call("POST", lease("run-2"), { token: worker.token })
      deepStrictEqual([lost.status, lost.json], [200, { run: null }])
      yield* call("POST", "/runs/run-1/cancel")
      const cancelled = yield* call("POST", lease("run-1"), { token: worker.token })
      strictEqual(cancelled.json.run.status, "cancelled")
      const many = yield* call("POST", `/agent-workers/workers/${worker.id}/leases`, {
        token: worker.token,
        body: { run_ids: ["run-1", "run-2"] },
      })
      deepStrictEqual(
        many.json.leases.map((renewal: { readonly status: string }) => renewal.status),
        ["cancelled", "lost"],
      )
    }),
  )

  test(
    "a run is handed back, suspended and resumed",
    Effect.gen(function* () {
      const { worker, run } = yield* held
      const at = `/agent-workers/workers/${worker.id}/runs/run-1`
      const released = yield* call("DELETE", `${at}/lease`, { token: worker.token })
      deepStrictEqual([released.status, released.json], [200, { released: true }])
      refused(yield* call("DELETE", `${at}/lease`, { token: worker.token }), 403, "lease_lost")
      const again = yield* claim(worker)
      strictEqual(again.attempt, 1)
      strictEqual(again.lease_epoch, 2)
      const body = { tool_call_id: "t", tool_name: "ask" }
      refused(
        yield* call("POST", `${at}/suspend`, {
          token: worker.token,
          body,
          headers: { "x-runlease-epoch": "1" },
        }),
        403,
        "lease_lost",
      )
      strictEqual((yield* call("POST", `${at}/suspend`, { token: worker.token, body })).status, 200)
      strictEqual((yield* call("GET", "/runs/run-1")).json.status, "waiting")
      const view = yield* call("GET", `/conversations/${run.conversation_id}/runs/run-1`)
      strictEqual(view.json.status, "waiting_for_tool")
      strictEqual(view.json.waiting_tool_call_id, "t")
      strictEqual(view.json.waiting_tool_name, "ask")
      refused(
        yield* call("POST", `/conversations/${run.conversation_id}/runs/run-1/events`, {
          body: { events: [{ type: "X" }] },
        }),
        400,
        "run_waiting",
        "Cannot append external events while the run is waiting for a tool result",
      )
      const answer = { type: "tool_result", tool_call_id: "t", result: { ok: true } }
      refused(
        yield* call("POST", "/runs/run-1/resume", { body: { ...answer, tool_call_id: "u" } }),
        409,
        "not_waiting",
      )
      const resumed = yield* call("POST", "/runs/run-1/resume", { body: answer })
      deepStrictEqual([resumed.status, resumed.json.accepted, resumed.json.duplicate], [200, true, false])
      const retold = yield* call("POST", "/runs/run-1/resume", { body: answer })
      strictEqual(retold.json.duplicate, true)
    }),
  )

  test(
    "session is kept with its keys",
    Effect.gen(function* () {
      const { worker } = yield* held
      const path = `/agent-workers/workers/${worker.id}/runs/run-1/session`
      const { json, status } = yield* call("PUT", path, { token: worker.token, body: { session_key: "s" } })
      strictEqual(status, 200)
      deepStrictEqual(
        keysOf(json.session),
        "created_at ended_at id implementation_kind metadata run_id session_key status updated_at worker_id".split(
          " ",
        ),
      )
      refused(
        yield* call("PUT", path, { token: worker.token, body: { session_key: "" } }),
        400,
        "invalid_request",
      )
    }),
  )
})

describe("runs", () => {
  test(
    "submit is idempotent on the public id, and every run has all 33 keys",
    Effect.gen(function* () {
      const body = { kind: "agent", public_id: "run-1", request: { agent_id: "agent" } }
      const first = yield* call("POST", "/runs", { body })
      strictEqual(first.status, 202)
      strictEqual(first.json.accepted, true)
      deepStrictEqual(keysOf(first.json.run), canonicalKeys)
      const again = yield* call("POST", "/runs", { body })
      deepStrictEqual([again.status, again.json.duplicate], [202, true])
      refused(
        yield* call("POST", "/runs", { body: { ...body, request: { agent_id: "other" } } }),
        409,
        "submission_conflict",
      )
      refused(yield* call("POST", "/runs", { body: { kind: "workflow" } }), 422, "unsupported_kind")
      refused(yield* call("POST", "/runs", { body: { kind: "agent", request: {} } }), 400, "invalid_request")
      // No worker can register so, and the run would wait for ever.
      for (const request of [{ implementation_kind: "a kind" }, { worker_key: "w".repeat(129) }]) {
        const nobodys = { kind: "agent", request: { agent_id: "agent", ...request } }
        refused(yield* call("POST", "/runs", { body: nobodys }), 400, "invalid_request")
      }
      const conversation = "00000000-0000-4000-8000-000000000000"
      refused(
        yield* call("POST", "/runs", {
          body: { ...body, public_id: "run-2", owner: { kind: "conversation", id: conversation } },
        }),
        404,
        "conversation_not_found",
      )
      deepStrictEqual(keysOf((yield* call("GET", "/runs/run-1")).json), canonicalKeys)
      const listed = yield* call("GET", "/projects/default/runs?limit=1")
      deepStrictEqual(keysOf(listed.json), ["data", "page_info"])
      deepStrictEqual(keysOf(listed.json.data[0]), canonicalKeys)
    }),
  )

  test(
    "a conversation gives its messages to a run's snapshot",
    Effect.gen(function* () {
      const created = yield* call("POST", "/conversations", { body: { title: "t" } })
      strictEqual(created.status, 201)
      const at = `/conversations/${created.json.id}`
      strictEqual((yield* call("GET", at)).json.title, "t")
      const message = { role: "user", parts: [{ type: "text", text: "hi" }], idempotency_key: "k" }
      const added = yield* call("POST", `${at}/messages`, { body: message })
      strictEqual(added.status, 201)
      strictEqual((yield* call("POST", `${at}/messages`, { body: message })).json.id, added.json.id)
      strictEqual((yield* call("GET", `${at}/messages`)).json.data.length, 1)
      yield* call("POST", "/runs", {
        body: {
          kind: "agent",
          owner: { kind: "conversation", id: created.json.id },
          request: { agent_id: "agent" },
        },
      })
      const run = yield* claim(yield* register())
      deepStrictEqual(run.request_snapshot.messages[0].parts, message.parts)
    }),
  )

  test(
    "append refuses with the texts that clients know",
    Effect.gen(function* () {
      const { events, worker } = yield* held
      const append = (body: object) => call("POST", events, { token: worker.token, body })
      const appended = yield* append({ events: [{ type: "X", deep: { a: [null] } }] })
      deepStrictEqual(
        [appended.status, appended.json.latest_event_id, appended.json.latest_external_event_sequence],
        [200, 2, 1],
      )
      strictEqual(appended.json.appended_count, 1)
      strictEqual(appended.json.run.run_id, "run-1")
      refused(
        yield* append({ events: [{ type: "Y" }], expected_previous_external_event_sequence: 7 }),
        400,
        "cursor_mismatch",
        "External run event cursor mismatch",
      )
      const large = yield* append({ events: [{ type: "X", text: "a".repeat(245_760) }] })
      refused(large, 400, "event_too_large")
      assertTrue(large.json.detail.includes("payload must be less than"))
      refused(yield* append({ events: [{ type: "RUN_FINISHED" }] }), 400, "event_terminal")
      refused(yield* append({ events: [] }), 400, "event_batch_size")
      refused(yield* append({ events: [null] }), 400, "invalid_request")
      refused(yield* append({ events: [{ type: "" }] }), 400, "event_malformed")
      const unknown = events.replace("run-1", "run-9")
      refused(yield* call("POST", unknown, { body: { events: [{ type: "X" }] } }), 404, "run_not_found")
      const elsewhere = "/conversations/00000000-0000-4000-8000-000000000000/runs/run-1/events"
      refused(yield* call("POST", elsewhere, { body: { events: [{ type: "X" }] } }), 404, "run_not_found")
      yield* call("POST", "/runs/run-1/complete", { token: worker.token, body: { status: "completed" } })
      refused(
        yield* call("POST", events, { body: { events: [{ type: "X" }] } }),
        400,
        "run_ended",
        "Cannot append external events to a terminal run",
      )
    }),
  )

  test(
    "the first outcome stands, and the log tells all",
    Effect.gen(function* () {
      const { worker } = yield* held
      const failed = yield* call("POST", "/runs/run-1/complete", {
        token: worker.token,
        body: { status: "failed", terminal_error_code: "c", terminal_error_message: "m", metadata: { k: 1 } },
      })
      deepStrictEqual([failed.status, failed.json.completed], [200, true])
      deepStrictEqual(failed.json.run.error, { message: "m", code: "c" })
      deepStrictEqual(failed.json.run.metadata, { k: 1 })
      const late = yield* call("POST", "/runs/run-1/complete", { body: { status: "completed" } })
      deepStrictEqual([late.json.completed, late.json.run.status], [false, "failed"])
      const cancelled = yield* call("POST", "/runs/run-1/cancel")
      deepStrictEqual([cancelled.status, cancelled.json.cancelled], [200, false])
      const first = yield* call("GET", "/runs/run-1/events?limit=1")
      deepStrictEqual([first.json.data[0].event_type, first.json.ended], ["RUN_STARTED", false])
      const rest = yield* call("GET", `/runs/run-1/events?after_event_id=${first.json.page_info.next}`)
      deepStrictEqual(
        [rest.json.data[0].payload, rest.json.ended, rest.json.page_info.next],
        [{ type: "RUN_ERROR", message: "m", code: "c", metadata: { k: 1 } }, true, null],
      )
      for (const [query, types, ended] of [
        ["type=RUN_ERROR", ["RUN_ERROR"], true],
        ["type=RUN_ERROR,RUN_STARTED&limit=1", ["RUN_STARTED"], false],
        ["type=RUN_STARTED", ["RUN_STARTED"], false],
        ["type=RUN_ERROR&wait_seconds=20", ["RUN_ERROR"], true],
        ["name=nothing", [], true],
        ["name=nothing&wait_seconds=20", [], true],
      ] as const) {
        const { json } = yield* call("GET", `/runs/run-1/events?${query}`)
        deepStrictEqual(
          [json.data.map((entry: { readonly event_type: string }) => entry.event_type), json.ended],
          [types, ended],
        )
      }
    }),
  )
})

describe("principals", () => {
  test(
    "without a token, or with a wrong one, the answer is 401 and echoes nothing",
    Effect.gen(function* () {
      for (const headers of [
        {},
        { authorization: "Bearer secret-guess" },
        { authorization: "Basic secret-guess" },
        { authorization: "Bearer" },
        { "x-api-key": "secret-guess" },
      ]) {
        const answer = yield* call("GET", "/runs/run-1", { token: null, headers })
        refused(answer, 401, "unauthorized")
        assertTrue(!answer.text.includes("secret-guess"))
      }
    }),
  )

  test(
    "a worker token is for its own worker and the runs it holds",
    Effect.gen(function* () {
      const { events, run, worker } = yield* held
      const other = yield* register("other")
      const { token } = other
      for (const [method, path, body] of [
        ["POST", `/agent-workers/workers/${worker.id}/claim`, {}],
        ["POST", `/agent-workers/workers/${worker.id}/heartbeat`, undefined],
        ["POST", `/agent-workers/workers/${worker.id}/runs/run-1/lease`, {}],
        ["POST", "/runs", { kind: "agent", request: { agent_id: "agent" } }],
        ["GET", "/runs/run-1", undefined],
        ["GET", "/runs/run-1/events", undefined],
        ["POST", "/runs/run-1/cancel", undefined],
        ["GET", "/projects/default/runs", undefined],
        ["GET", `/conversations/${run.conversation_id}`, undefined],
        ["GET", `/conversations/${run.conversation_id}/runs/run-1/stream`, undefined],
        ["POST", "/agent-workers/projects/default/workers", { implementation_kind: "k", worker_key: "w" }],
        ["GET", "/projects", undefined],
      ] as const) {
        refused(yield* call(method, path, { token, body }), 403, "forbidden")
      }
      const lost = yield* call("POST", events, { token, body: { events: [{ type: "X" }] } })
      refused(lost, 403, "lease_lost")
      refused(
        yield* call("POST", "/runs/run-1/complete", { token, body: { status: "completed" } }),
        403,
        "lease_lost",
      )
    }),
  )

  test(
    "an API key is trusted unless it names an epoch or a worker, which must hold the run",
    Effect.gen(function* () {
      const { events, worker } = yield* held
      const append = (headers: Record<string, string>) =>
        call("POST", events, { headers, body: { events: [{ type: "X" }] } })
      strictEqual((yield* append({})).status, 200)
      strictEqual((yield* append({ "x-runlease-epoch": "1" })).status, 200)
      strictEqual((yield* append({ "x-runlease-epoch": "1", "x-runlease-worker": worker.id })).status, 200)
      refused(yield* append({ "x-runlease-epoch": "2" }), 403, "lease_lost")
      refused(yield* append({ "x-runlease-epoch": "one" }), 400, "invalid_request")
      const other = yield* register("other")
      refused(yield* append({ "x-runlease-worker": other.id }), 403, "lease_lost")
    }),
  )

  test(
    "another project's ids do not exist, and only an admin key manages keys",
    Effect.gen(function* () {
      const { run, worker } = yield* held
      const project = yield* call("POST", "/projects", { body: { slug: "other" } })
      strictEqual(project.status, 201)
      refused(yield* call("POST", "/projects", { body: { slug: "other" } }), 409, "project_exists")
      const made = yield* call("POST", "/projects/other/keys", { body: { name: "theirs" } })
      strictEqual(made.status, 201)
      strictEqual(made.json.key.admin, false)
      const token = made.json.token as string
      for (const [method, path, body] of [
        ["GET", "/runs/run-1", undefined],
        ["POST", "/runs/run-1/cancel", undefined],
        ["GET", `/conversations/${run.conversation_id}`, undefined],
        ["GET", `/conversations/${run.conversation_id}/runs/run-1`, undefined],
        ["POST", `/agent-workers/workers/${worker.id}/claim`, {}],
        ["GET", "/projects/default/runs", undefined],
        ["POST", "/agent-workers/projects/default/workers", { implementation_kind: "k", worker_key: "w" }],
        ["POST", "/conversations", { project_id: run.project_id }],
      ] as const) {
        strictEqual((yield* call(method, path, { token, body })).status, 404)
      }
      refused(yield* call("GET", "/projects/other/keys", { token }), 403, "forbidden")
      refused(yield* call("POST", "/projects/other/keys", { token, body: { name: "x" } }), 403, "forbidden")
      const keys = yield* call("GET", "/projects/other/keys")
      assertTrue(!keys.text.includes(token))
      strictEqual((yield* call("DELETE", `/projects/other/keys/${made.json.key.id}`)).status, 200)
      refused(yield* call("GET", "/projects/other/runs", { token }), 401, "unauthorized")
    }),
  )
})

describe("hostile requests", () => {
  test(
    "are refused in JSON, and none is a fault of the server",
    Effect.gen(function* () {
      const json = { "content-type": "application/json" }
      refused(yield* call("POST", "/runs", { text: "{", headers: json }), 400, "invalid_json")
      refused(yield* call("POST", "/runs", { text: "", headers: json }), 400, "invalid_request")
      refused(yield* call("POST", "/runs", { text: "[]", headers: json }), 400, "invalid_request")
      refused(yield* call("POST", "/runs", { text: "null", headers: json }), 400, "invalid_request")
      refused(
        yield* call("POST", "/runs", { text: "{}", headers: { "content-type": "text/plain" } }),
        415,
        "unsupported_media_type",
      )
      for (const text of ["small", "x".repeat(20_000)]) {
        const merged = yield* call("POST", "/conversations", {
          text: JSON.stringify({ metadata: { text } }),
          headers: { "content-type": "application/merge-patch+json" },
        })
        strictEqual(merged.json.metadata?.text, text)
      }
      refused(yield* call("POST", "/runs", { text: "[".repeat(300_000) }), 400, "body_too_deep")
      refused(yield* call("POST", "/runs", { text: `"${"a".repeat(11 * 2 ** 20)}"` }), 413, "body_too_large")
      const { key, url } = yield* Served
      const chunked = yield* Effect.promise(() =>
        fetch(`${url}/runs`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: new Blob(["a".repeat(11 * 2 ** 20)]).stream(),
          duplex: "half",
        } as RequestInit),
      )
      strictEqual(chunked.status, 413)
      refused(yield* call("GET", "/runs/%00"), 400, "invalid_request")
      refused(yield* call("GET", "/runs/a%2Fb"), 404, "run_not_found")
      refused(yield* call("GET", "/runs/%E0%A4%A"), 404, "not_found")
      refused(yield* call("GET", `/runs/${"a".repeat(129)}`), 400, "invalid_request")
      refused(yield* call("GET", `/runs/${encodeURIComponent("😀".repeat(64))}`), 404, "run_not_found")
      refused(yield* call("GET", "/nowhere"), 404, "not_found")
      const wrong = yield* call("GET", "/runs/run-1/cancel")
      refused(wrong, 405, "method_not_allowed")
      strictEqual(wrong.headers.get("allow"), "POST")
      refused(yield* call("GET", "/runs/run-1/events?limit=5.5"), 400, "invalid_request")
    }),
  )

  test(
    "a body of 10 MiB passes",
    Effect.gen(function* () {
      const { events, worker } = yield* held
      const batch = Array.from({ length: 44 }, () => ({ type: "X", text: "a".repeat(238_500) }))
      const text = JSON.stringify({ events: batch })
      assertTrue(text.length >= 10 * 2 ** 20)
      strictEqual((yield* call("POST", events, { token: worker.token, text })).status, 200)
    }),
  )
})

describe("about the server", () => {
  test(
    "health and documents need no token",
    Effect.gen(function* () {
      deepStrictEqual((yield* call("GET", "/healthz", { token: null })).json, { status: "ok" })
      deepStrictEqual((yield* call("GET", "/readyz", { token: null })).json, { status: "ok" })
      const spec = (yield* call("GET", "/openapi.json", { token: null })).json
      deepStrictEqual(keysOf(spec.components.securitySchemes), ["apiKey", "bearer", "session"])
      const claimed = spec.paths["/agent-workers/workers/{worker_id}/claim"].post
      strictEqual(claimed.summary, "Claim the next runnable agent run")
      assertTrue(!JSON.stringify(spec).includes("HttpApiDecodeError"))
      const docs = yield* call("GET", "/docs", { token: null })
      strictEqual(docs.status, 200)
      assertTrue(docs.headers.get("content-type")!.startsWith("text/html"))
    }),
  )
})
