/** A page does not learn by an id that it chooses or names whether a run has it that its token does not reach. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect } from "effect"
import { connect, echo, testerWith, versions } from "../../../http/test/agui/HttpAgents.js"
import { issue } from "../../../http/test/issue.js"
import { call } from "../../../http/test/raw.js"
import { Served } from "../../../http/test/serving.js"
import { faces } from "./faces.js"

const tester = testerWith({ faces })

const test = tester(MemoryControlPlane.layer)

/** The answer of a request that names a run, without the name. */
const answerOf = (token: string, id: string, method: string, path: string, body?: object) =>
  Effect.map(call(method, path, { token, ...(body && { body }) }), ({ status, text }) => [
    status,
    text.replaceAll(encodeURIComponent(id), "ID").replaceAll(id, "ID"),
  ])

const submission = (public_id: string, more: object = {}) => ({
  kind: "agent",
  public_id,
  request: { agent_id: "writer" },
  ...more,
})

const input = (threadId: string, runId: string, more: object = {}) => ({
  threadId,
  runId,
  messages: [{ id: "m", role: "user", content: "hello" }],
  tools: [],
  context: [],
  ...more,
})

/** AG-UI's requests of a page that chooses the id. */
const agUiRequests = (agentId: string, threadId: string, id: string) => {
  const path = `/ag-ui/${agentId}?detach=true`
  const resume = [{ interruptId: "call", status: "resolved" }]
  const toolCall = { id: "call", type: "function", function: { name: "tool", arguments: "{}" } }
  return {
    "AG-UI": ["POST", path, input(threadId, id)],
    "AG-UI that refuses a busy thread": ["POST", `${path}&busy=refuse`, input(threadId, id)],
    "AG-UI with answers": ["POST", path, input(threadId, id, { resume })],
    "AG-UI with a result": [
      "POST",
      path,
      input(threadId, id, {
        messages: [
          { id: "a", role: "assistant", toolCalls: [toolCall] },
          { id: "b", role: "tool", toolCallId: "call", content: "1" },
        ],
      }),
    ],
  } satisfies Requests
}

type Requests = Record<string, readonly [string, string, object?]>

/** Every other request of a page that chooses or names the id of a run. */
const requests = (threadId: string, id: string) => {
  const resume = [{ interruptId: "call", status: "resolved" }]
  const path = `/runs/${encodeURIComponent(id)}`
  return {
    submit: ["POST", "/runs", submission(id)],
    "submit a child": ["POST", "/runs", submission(crypto.randomUUID(), { parent_run_id: id })],
    "submit with answers": ["POST", "/runs", submission(id, { request: { agent_id: "writer", resume } })],
    read: ["GET", path],
    events: ["GET", `${path}/events`],
    stream: ["GET", `${path}/stream`],
    live: ["GET", `${path}/live`],
    summary: ["GET", `${path}/summary`],
    usage: ["GET", `${path}/usage`],
    inputs: ["GET", `${path}/inputs`],
    cancel: ["POST", `${path}/cancel`],
    tell: ["POST", `${path}/messages`, { text: "hello" }],
    resume: ["POST", `${path}/resume`, { type: "tool_result", tool_call_id: "call", result: 1 }],
    retry: ["POST", `${path}/retry`, { public_id: id }],
    fork: ["POST", `${path}/fork`, { after_event_id: 1, public_id: id }],
    "follow up": ["POST", `${path}/follow-ups`, { public_id: id, results: [] }],
    "stop of a thread": ["POST", `/threads/${threadId}/stop`, { runId: id }],
    "stop of a chat": ["POST", `/chat/writer/${threadId}/stop`, { activeStreamId: id }],
  } satisfies Requests
}

describe("an id that can be guessed", () => {
  test(
    "has one answer to a page, whether or not a run that it does not reach has it",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const holder = yield* TestRuns.register()
      const taken = [
        yield* TestRuns.submit({ publicId: "order-42", agentId: "writer" }),
        yield* TestRuns.hold(holder, { publicId: "order-43" }),
        yield* runs
          .submit(TestRuns.submission({ publicId: Ids.derivedRunId("task", "a"), derived: true }))
          .pipe(Effect.map(({ run }) => run)),
      ].map(({ runId }) => runId)
      const free = ["order-52", "order-53", Ids.derivedRunId("task", "b")]
      const threadId = yield* Ids.uuidV7
      const own = yield* issue({ thread_id: threadId })
      const labelled = yield* issue({ label: { customer: "42" } })
      for (const token of [own, labelled]) {
        for (const [index, id] of taken.entries()) {
          const absent = free[index]!
          const all = (name: string): Requests => ({
            ...requests(threadId, name),
            // A token of a label begins no run by them, and one of a thread does.
            ...(token === labelled ? agUiRequests("writer", threadId, name) : {}),
          })
          const missing = all(absent)
          for (const [name, [method, path, body]] of Object.entries(all(id))) {
            const [, absentPath, absentBody] = missing[name]!
            deepStrictEqual(
              [name, yield* answerOf(token, id, method, path, body)],
              [name, yield* answerOf(token, absent, method, absentPath, absentBody)],
            )
          }
        }
      }
      // Nothing was made or changed.
      strictEqual((yield* runs.list()).items.length, taken.length)
      const refused = yield* call("POST", "/runs", { token: labelled, body: submission("order-42") })
      deepStrictEqual(
        [refused.status, refused.json.error, refused.json.field, refused.json.detail],
        [
          403,
          "forbidden",
          "public_id",
          "A page may choose a UUID alone as the id of a run, since others can be guessed; take crypto.randomUUID()",
        ],
      )
    }),
  )

  test(
    "is a name of the page's own for AG-UI, whether or not a run has it",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const runs = yield* Runs.Runs
      yield* TestRuns.submit({ publicId: "order-42", agentId: "agent" })
      const task = Ids.derivedRunId("task", "a")
      yield* runs.submit(TestRuns.submission({ publicId: task, derived: true, agentId: "agent" }))
      const answers = Effect.fnUntraced(function* (id: string) {
        const told: Array<readonly [name: string, status: number, types: ReadonlyArray<string>]> = []
        for (const name of Object.keys(agUiRequests("agent", "", id))) {
          const threadId = yield* Ids.uuidV7
          const token = yield* issue({ thread_id: threadId })
          const [method, path, body] = (agUiRequests("agent", threadId, id) as Requests)[name]!
          const { status, text } = yield* call(method, path, { token, ...(body && { body }) })
          told.push([name, status, text.match(/"type":"[A-Z_]+"/g) ?? []])
        }
        return told
      })
      const free = yield* answers("order-52")
      deepStrictEqual(
        free.map(([, status, types]) => [status, types[0]]),
        free.map(() => [200, '"type":"RUN_STARTED"']),
      )
      deepStrictEqual(yield* answers("order-42"), free)
      deepStrictEqual(yield* answers(task), free)
      deepStrictEqual(yield* answers(Ids.derivedRunId("task", "b")), free)
    }),
  )

  test(
    "is refused before the store is read, so a page repeats a run that is its own by a UUID, or reads it",
    Effect.gen(function* () {
      const conversationId = yield* Ids.uuidV7
      const token = yield* issue({ conversation_id: conversationId })
      yield* call("POST", "/conversations", { token })
      const id = crypto.randomUUID()
      const submit = call("POST", "/runs", { token, body: submission(id) })
      const answers = [yield* submit, yield* submit]
      deepStrictEqual(
        answers.map(({ json, status }) => [status, json.duplicate, json.run.run_id]),
        [
          [202, false, id],
          [202, true, id],
        ],
      )
      const derived = yield* call("POST", "/runs", {
        token,
        body: { ...submission(id), public_id: undefined },
      })
      strictEqual(derived.status, 202)
      yield* TestRuns.submit({ publicId: "readable", conversationId, agentId: "writer" })
      const again = yield* call("POST", "/runs", { token, body: submission("readable") })
      deepStrictEqual([again.status, again.json.field], [403, "public_id"])
      strictEqual((yield* call("GET", "/runs/readable", { token })).status, 200)
    }),
  )
})

describe("a token of a label", () => {
  test(
    "that repeats its own submission after the run lost the label gets the answer to the id of another's run",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const token = yield* issue({ label: { customer: "42" } })
      const submit = (id: string) =>
        Effect.map(
          answerOf(token, id, "POST", "/runs", submission(id)),
          ([status, text]) => [status, text] as const,
        )
      const [own, other] = [crypto.randomUUID(), crypto.randomUUID()]
      strictEqual((yield* submit(own))[0], 202)
      strictEqual((yield* submit(own))[0], 202)
      yield* TestRuns.submit({ publicId: other, agentId: "writer", labels: { customer: "43" } })
      yield* runs.label(Ids.RunId.make(own), { customer: "43" })
      const lost = yield* submit(own)
      deepStrictEqual(lost, yield* submit(other))
      strictEqual(lost[0], 409)
      yield* runs.label(Ids.RunId.make(own), { customer: "42" })
      strictEqual((yield* submit(own))[0], 202)
    }),
  )
})

for (const version of versions) {
  tester(MemoryControlPlane.layer, version)(
    `a page's own name of a run is that of one run in each thread, ${version.name}`,
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      yield* TestWorker.start(echo)
      // A run of a backend has the id that the page takes for a name.
      yield* TestRuns.submit({ publicId: "x7Qa01b", agentId: "agent" })
      const opened = Effect.fnUntraced(function* (threadId: string) {
        const token = yield* issue({ thread_id: threadId })
        const { answer, say } = yield* connect({ threadId, headers: { authorization: `Bearer ${token}` } })
        const { events } = yield* say("hello", { runId: "x7Qa01b" })
        strictEqual(answer(), "You said: hello")
        deepStrictEqual(
          [events[0]?.type, events.at(-1)?.type, events.at(-1)?.["runId"]],
          ["RUN_STARTED", "RUN_FINISHED", events[0]?.["runId"]],
        )
        const runId = String(events[0]?.["runId"])
        strictEqual(Ids.isReservedRunId(runId), true)
        // The page finds the run by the id that the stream has told it.
        strictEqual((yield* call("GET", `/runs/${runId}`, { token })).status, 200)
        return { runId, token }
      })
      const ann = yield* opened("of ann")
      const bob = yield* opened("of bob")
      strictEqual(new Set(["x7Qa01b", ann.runId, bob.runId]).size, 3)
      const missing = yield* call("GET", `/runs/${bob.runId}`, { token: ann.token })
      strictEqual(missing.status, 404)
      strictEqual((yield* runs.list()).items.length, 3)
    }),
  )
}

describe("a page's own name of a run", () => {
  const post = (token: string, body: object) => call("POST", "/ag-ui/agent?detach=true", { token, body })
  const runIdIn = (text: string) => /"runId":"([^"]*)"/.exec(text)?.[1] ?? ""

  test(
    "gives a repeat the run that it has, and another input a conflict",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const token = yield* issue({ thread_id: "t" })
      const first = yield* post(token, input("t", "short"))
      const again = yield* post(token, input("t", "short"))
      const other = yield* post(token, input("t", "short", { state: 1 }))
      deepStrictEqual(
        [first.status, again.status, again.text.includes("You said: hello"), other.status, other.json.field],
        [200, 200, true, 409, "runId"],
      )
      strictEqual(runIdIn(again.text), runIdIn(first.text))
      strictEqual((yield* (yield* Runs.Runs).list()).items.length, 1)
    }),
  )

  test(
    "names a parent, as the id of the run does, and never the run of someone else",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      yield* TestRuns.submit({ publicId: "order-42", agentId: "agent" })
      const token = yield* issue({ thread_id: "t" })
      const parent = runIdIn((yield* post(token, input("t", "first"))).text)
      const parentOf = (runId: string, parentRunId: string) =>
        Effect.gen(function* () {
          const { text } = yield* post(token, input("t", runId, { parentRunId }))
          return (yield* TestRuns.getRun(Ids.RunId.make(runIdIn(text)))).parentRunId
        })
      deepStrictEqual(
        [yield* parentOf("a", "first"), yield* parentOf("b", parent), yield* parentOf("c", "order-42")],
        [parent, parent, null],
      )
    }),
  )

  test(
    "names the run that a stop of the thread is for",
    Effect.gen(function* () {
      const { url } = yield* Served
      const token = yield* issue({ thread_id: "t" })
      const begin = (runId: string) =>
        Effect.promise(async (signal) => {
          const response = await fetch(`${url}/ag-ui/agent?detach=true`, {
            method: "POST",
            signal,
            headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
            body: JSON.stringify(input("t", runId)),
          })
          await response.body?.cancel()
          return response.status
        })
      const stop = (runId: string) =>
        Effect.map(call("POST", "/threads/t/stop", { token, body: { runId } }), ({ json }) => json.stopped)
      strictEqual(yield* begin("first"), 200)
      deepStrictEqual([yield* stop("other"), yield* stop("first")], [false, true])
      strictEqual(yield* begin("second"), 200)
      const { json } = yield* call("GET", "/threads/t", { token })
      deepStrictEqual([Ids.isReservedRunId(json.runId), yield* stop(json.runId)], [true, true])
    }),
  )
})
