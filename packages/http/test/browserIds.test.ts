/** A page does not learn by an id that it chooses or names whether a run has it that its token does not reach. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, MemoryControlPlane, Runs } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect } from "effect"
import { connect, echo, tester, versions } from "./agui/HttpAgents.js"
import { call } from "./raw.js"

const test = tester(MemoryControlPlane.layer)

/** A token by the API. */
const issue = (body: object) =>
  Effect.map(
    call("POST", "/projects/default/tokens", { body: { scopes: ["read", "write", "stop"], ...body } }),
    ({ json, status }) => {
      strictEqual(status, 201)
      return json.token as string
    },
  )

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

/** Every request of a page that chooses or names the id of a run. */
const requests = (threadId: string, id: string) => {
  const agUi = "/ag-ui/writer?detach=true"
  const resume = [{ interruptId: "call", status: "resolved" }]
  const toolCall = { id: "call", type: "function", function: { name: "tool", arguments: "{}" } }
  const path = `/runs/${encodeURIComponent(id)}`
  return {
    submit: ["POST", "/runs", submission(id)],
    "submit a child": ["POST", "/runs", submission(crypto.randomUUID(), { parent_run_id: id })],
    "submit with answers": ["POST", "/runs", submission(id, { request: { agent_id: "writer", resume } })],
    "AG-UI": ["POST", agUi, input(threadId, id)],
    "AG-UI that refuses a busy thread": ["POST", `${agUi}&busy=refuse`, input(threadId, id)],
    "AG-UI with answers": ["POST", agUi, input(threadId, id, { resume })],
    "AG-UI with a result": [
      "POST",
      agUi,
      input(threadId, id, {
        messages: [
          { id: "a", role: "assistant", toolCalls: [toolCall] },
          { id: "b", role: "tool", toolCallId: "call", content: "1" },
        ],
      }),
    ],
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
  } satisfies Record<string, readonly [string, string, object?]>
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
          const present = requests(threadId, id)
          const missing = requests(threadId, absent)
          for (const name of Object.keys(present) as Array<keyof typeof present>) {
            const [method, path, body] = present[name] as readonly [string, string, object?]
            const [, absentPath, absentBody] = missing[name] as readonly [string, string, object?]
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
      const agUi = yield* call("POST", "/ag-ui/writer", { token: own, body: input(threadId, "order-42") })
      deepStrictEqual([agUi.status, agUi.json.error, agUi.json.field], [403, "forbidden", "runId"])
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
    `a client that chooses short ids has a UUID for each run by a middleware, ${version.name}`,
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const token = yield* issue({ thread_id: "of ann" })
      const { agent, answer, say } = yield* connect({
        threadId: "of ann",
        headers: { authorization: `Bearer ${token}` },
      })
      const refused = yield* Effect.flip(say("hello", { runId: "x7Qa01b" }))
      deepStrictEqual([refused.status, refused.payload?.field], [403, "runId"])
      agent.use((input, next) => next.run({ ...input, runId: crypto.randomUUID() }))
      yield* say("hello", { runId: "x7Qa01b" })
      strictEqual(answer(), "You said: hello")
    }),
  )
}
