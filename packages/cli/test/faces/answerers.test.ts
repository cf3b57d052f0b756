/** The log says who has answered a question, whichever way the answer came. */
import { describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Executor, Ids, Interrupts, Run, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect } from "effect"
import { testerWith } from "../../../http/test/agui/HttpAgents.js"
import * as Mcp from "../../../http-mcp/test/messages.js"
import { call, leave } from "../../../http/test/raw.js"
import { Served } from "../../../http/test/serving.js"
import * as Faces from "./faces.js"

const test = testerWith({ faces: Faces.faces })(MemoryControlPlane.layer)

const asker = Executor.from(() =>
  Effect.map(Interrupts.approve("refund", { message: "Refund?" }), (yes) => (yes ? "paid" : "not paid")),
)

const post = (path: string, body: object, more: object = {}) => call("POST", path, { body, ...more })

const wire = { type: "interrupts", resume: [{ interrupt_id: "refund", status: "resolved", payload: true }] }

const submit = (publicId: string) =>
  post("/runs", { kind: "agent", public_id: publicId, request: { agent_id: "agent" } })

const waits = (runId: string) =>
  TestWorker.until(
    Effect.flatMap(Runs.Runs, (runs) => runs.get(Ids.RunId.make(runId))),
    ({ status }) => status === "waiting",
  )

const newest = Effect.flatMap(Runs.Runs, (runs) =>
  Effect.map(runs.list({ limit: 1 }), ({ items }) => String(items[0]!.runId)),
)

const agUi = (runId: string, more: object = {}) =>
  leave("/ag-ui/agent?detach=true", {
    threadId: "thread",
    runId,
    messages: [{ id: "m1", role: "user", content: "refund" }],
    tools: [],
    context: [],
    state: {},
    forwardedProps: {},
    ...more,
  })

const chat = (...messages: ReadonlyArray<object>) =>
  leave("/chat/agent", {
    id: "chat",
    messages: [{ id: "u1", role: "user", parts: [{ type: "text", text: "refund" }] }, ...messages],
  })

const a2a = (message: object) =>
  post(
    "/a2a/agent",
    {
      jsonrpc: "2.0",
      id: 1,
      method: "SendMessage",
      params: {
        message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "refund" }], ...message },
        configuration: { returnImmediately: true },
      },
    },
    { headers: { "a2a-version": "1.0" } },
  )

/** Each begins a run, waits for its question and answers it. Gives the run's id. */
const ways = {
  "over HTTP": Effect.gen(function* () {
    yield* submit("http")
    yield* waits("http")
    yield* post("/runs/http/resume", wire)
    return "http"
  }),
  "by a session of the dashboard": Effect.gen(function* () {
    const { key } = yield* Served
    yield* submit("session")
    yield* waits("session")
    const signedIn = yield* post("/session", { api_key: key }, { token: null })
    const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";")[0]!
    const headers = { cookie, "sec-fetch-site": "same-origin" }
    yield* post("/runs/session/resume", wire, { token: null, headers })
    return "session"
  }),
  "by a request for input": Effect.gen(function* () {
    yield* submit("input")
    const { conversationId } = yield* waits("input")
    const path = `/conversations/${conversationId}/input-requests`
    const { json } = yield* call("GET", path)
    const id = String(json.data[0].input_request_id)
    yield* post(`${path}/${id}/responses`, { values: { approved: true } })
    return "input"
  }),
  "over AG-UI": Effect.gen(function* () {
    yield* agUi("ag-ui")
    yield* waits("ag-ui")
    const resume = [{ interruptId: "refund", status: "resolved", payload: { approved: true } }]
    yield* agUi("ag-ui-2", { resume })
    return "ag-ui"
  }),
  "by a chat": Effect.gen(function* () {
    yield* chat()
    const runId = yield* newest
    yield* waits(runId)
    yield* chat({
      id: "a1",
      role: "assistant",
      parts: [Faces.approvedRefund],
    })
    return runId
  }),
  "over A2A": Effect.gen(function* () {
    const { json } = yield* a2a({})
    const taskId = String(json.result.task.id)
    yield* waits(taskId)
    yield* a2a({ messageId: "m2", taskId, parts: [{ data: { approved: true } }] })
    return taskId
  }),
  "over MCP": Effect.gen(function* () {
    yield* submit("mcp")
    yield* waits("mcp")
    yield* Mcp.request("tools/call", {
      name: "answer_run",
      arguments: { run_id: "mcp", answers: [{ interrupt_id: "refund", payload: { approved: true } }] },
    })
    return "mcp"
  }),
  "by a URL": Effect.gen(function* () {
    yield* submit("url")
    yield* waits("url")
    const made = yield* post("/projects/default/runs/url/callback-token", { interrupt_id: "refund" })
    const path = String(made.json.url).replace(/^https?:\/\/[^/]+/, "")
    yield* post(path, { approved: true }, { token: null })
    return "url"
  }),
  "by a page": Effect.gen(function* () {
    yield* submit("page")
    yield* waits("page")
    const made = yield* post("/projects/default/tokens", { scopes: ["read", "write"], run_id: "page" })
    yield* post("/runs/page/resume", wire, { token: String(made.json.token) })
    return "page"
  }),
}

const answersIn = (runId: string) =>
  Effect.flatMap(RunLog.RunLog, (log) =>
    Effect.map(
      log.read({ runId: Ids.RunId.make(runId), after: Run.EventId.make(0), name: "runlease.answered" }),
      (entries) => entries.map(({ event }) => event["value"]),
    ),
  )

describe("the author of a cancellation and of a retry", () => {
  test(
    "is in the log of the run, also of a retry that keeps nothing, and no caller chooses it",
    Effect.gen(function* () {
      yield* submit("stopped")
      yield* post("/runs/stopped/cancel", { by: "somebody" })
      yield* submit("page")
      const made = yield* post("/projects/default/tokens", { scopes: ["read", "stop"], run_id: "page" })
      yield* post("/runs/page/cancel", {}, { token: String(made.json.token) })
      for (const [public_id, from_start] of [
        ["again", false],
        ["anew", true],
      ]) {
        yield* post("/runs/stopped/retry", { public_id, from_start, by: "somebody" })
      }
      const entries = (id: string) =>
        Effect.flatMap(RunLog.RunLog, (log) =>
          Effect.map(log.read({ runId: Ids.RunId.make(id), after: Run.EventId.make(0) }), (all) =>
            all.map(({ event }) => event),
          ),
        )
      const me = yield* call("GET", "/session")
      const by = `API key ${me.json.key.id}`
      const retry = { run_id: "stopped", records: 0, answers: 0, by }
      deepStrictEqual(
        [
          (yield* entries("stopped")).at(-1)?.["by"],
          (yield* entries("page")).at(-1)?.["by"],
          (yield* entries("again")).at(-1)?.["value"],
          (yield* entries("anew")).at(-1)?.["value"],
        ],
        [by, "a page of run page", { ...retry, from_start: false }, { ...retry, from_start: true }],
      )
    }),
  )
})

describe("the author of an answer", () => {
  for (const [way, answer] of Object.entries(ways)) {
    test(
      `is in the log of the run for one ${way}`,
      Effect.gen(function* () {
        yield* TestWorker.start(asker)
        const runId = yield* answer
        yield* TestWorker.until(
          Effect.flatMap(Runs.Runs, (runs) => runs.get(Ids.RunId.make(runId))),
          ({ status }) => status === "completed",
        )
        const me = yield* call("GET", "/session")
        const by =
          way === "by a URL"
            ? "a callback"
            : way === "by a page"
              ? "a page of run page"
              : `API key ${me.json.key.id}`
        deepStrictEqual(yield* answersIn(runId), [
          { by, answers: [{ interrupt_id: "refund", approved: true }] },
        ])
      }),
    )
  }
})
