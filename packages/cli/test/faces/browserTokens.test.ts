import { FetchHttpClient } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, BrowserTokens, ControlPlane, Emit, Ids, Leases, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Duration, Effect, Layer, Redacted } from "effect"
import { connect, testerWith, versions } from "../../../http/test/agui/HttpAgents.js"
import { issue } from "../../../http/test/issue.js"
import { call } from "../../../http/test/raw.js"
import { client, serve, Served } from "../../../http/test/serving.js"
import { faces } from "./faces.js"

const tester = testerWith({ faces })

const served = Layer.provideMerge(ControlPlane.layerProject(), serve(MemoryControlPlane.layer, { faces }))

const test = <A, E>(title: string, body: Effect.Effect<A, E, Layer.Layer.Success<typeof served>>) =>
  it.live(title, () => Effect.provide(body, served))

const create = Effect.map(call("POST", "/conversations"), ({ json }) => json.id as string)

const inConversation = (id: string, request: object = {}) => ({
  kind: "agent",
  owner: { kind: "conversation", id },
  request: { agent_id: "writer", ...request },
})

/** Statuses, errors and fields of submissions. */
const submissions = (token: string, bodies: ReadonlyArray<object>) =>
  Effect.forEach(bodies, (body) =>
    Effect.map(call("POST", "/runs", { token, body }), ({ json, status }) =>
      status === 202 ? [202] : [status, json.error, json.field],
    ),
  )

describe("a token for a browser", () => {
  test(
    "is bound to one thing, and says which",
    Effect.gen(function* () {
      const ask = (body: object) => call("POST", "/projects/default/tokens", { body })
      const named = yield* ask({ scopes: ["read"], thread_id: "support", agent_ids: ["writer"] })
      const again = yield* ask({ scopes: ["read"], thread_id: "support" })
      strictEqual(named.json.conversation_id, again.json.conversation_id)
      deepStrictEqual(
        [named.json.scopes, named.json.run_id, named.json.label, named.json.agent_ids, again.json.agent_ids],
        [["read"], null, null, ["writer"], null],
      )
      const labelled = yield* ask({ scopes: ["stop"], label: { customer: "42" } })
      deepStrictEqual(labelled.json.label, { customer: "42" })
      const wrong: ReadonlyArray<readonly [object, string]> = [
        [{ scopes: ["read"] }, "conversation_id"],
        [{ scopes: ["read"], run_id: "r", label: { a: "b" } }, "label"],
        [{ scopes: ["read"], label: { a: "b", c: "d" } }, "label"],
        [{ scopes: ["read"], label: {} }, "label"],
        [{ scopes: [], run_id: "r" }, "scopes.0"],
        [{ scopes: ["admin"], run_id: "r" }, "scopes.0"],
        [{ scopes: ["read"], run_id: "r", expires_in_seconds: 86_401 }, "expires_in_seconds"],
        [{ scopes: ["read"], run_id: "r", expires_in_seconds: 0 }, "expires_in_seconds"],
        [{ scopes: ["read"], run_id: "r", agent_ids: [] }, "agent_ids"],
        [{ scopes: ["read"], run_id: "r", agent_ids: "abcdefghi".split("") }, "agent_ids"],
        [{ scopes: ["read"], thread_id: "main" }, "thread_id"],
      ]
      for (const [body, field] of wrong) {
        const { json, status } = yield* ask(body)
        deepStrictEqual([body, status, json.field], [body, 400, field])
      }
    }),
  )

  test(
    "submits runs of its conversation, which may not exist yet, and says of them what a page may say",
    Effect.gen(function* () {
      const own = yield* Ids.uuidV7
      const other = yield* create
      const token = yield* issue({ conversation_id: own })
      deepStrictEqual(yield* submissions(token, [inConversation(own)]), [
        [404, "conversation_not_found", "conversation_id"],
      ])
      const created = yield* call("POST", "/conversations", { token })
      deepStrictEqual([created.status, created.json.id], [201, own])
      const stranger = yield* call("POST", "/runs", { body: inConversation(other, {}) })
      const runId = stranger.json.run.run_id
      const first = crypto.randomUUID()
      const message = { id: "m", role: "user", parts: [{ type: "text", text: "hello" }] }
      const request_snapshot = { messages: [message], tools: [], context: [] }
      deepStrictEqual(
        yield* submissions(token, [
          { ...inConversation(own, { request_snapshot, multitask: "enqueue" }), public_id: first },
          { ...inConversation(own), parent_run_id: first },
          { ...inConversation(own), owner: undefined },
          inConversation(own, { request_snapshot, multitask: "steer" }),
          inConversation(own, { multitask: "latest" }),
          { ...inConversation(own), parent_run_id: runId },
          { ...inConversation(own), parent_run_id: "nothing" },
          inConversation(other),
          inConversation(yield* Ids.uuidV7),
          inConversation(own, { labels: { customer: "42" } }),
          inConversation(own, { priority: 5 }),
          inConversation(own, { worker_key: "w" }),
          inConversation(own, { concurrency_key: "lane" }),
          inConversation(own, { concurrency_key: null }),
          inConversation(own, { initial_status: "running" }),
          inConversation(own, { budget: { tokens: 1 } }),
          inConversation(own, { debounce: { key: "k", seconds: 5 } }),
          { ...inConversation(own), batch_id: "b" },
        ]),
        [
          [202],
          [202],
          [202],
          [202],
          [202],
          [404, "run_not_found", "run_id"],
          [404, "run_not_found", "run_id"],
          [404, "conversation_not_found", "conversation_id"],
          [404, "conversation_not_found", "conversation_id"],
          [403, "forbidden", "labels"],
          [403, "forbidden", "priority"],
          [403, "forbidden", "worker_key"],
          [403, "forbidden", "concurrency_key"],
          [403, "forbidden", "concurrency_key"],
          [403, "forbidden", "initial_status"],
          [403, "forbidden", "budget"],
          [403, "forbidden", "debounce"],
          [403, "forbidden", "batch_id"],
        ],
      )
      const writing = yield* issue({ conversation_id: own, scopes: ["write"] })
      deepStrictEqual(
        yield* submissions(writing, [
          inConversation(own, { multitask: "interrupt" }),
          inConversation(own, { multitask: "latest" }),
          inConversation(own, { multitask: "reject" }),
        ]),
        [
          [403, "forbidden", undefined],
          [403, "forbidden", undefined],
          [409, "conversation_busy", undefined],
        ],
      )
      const narrow = yield* issue({ conversation_id: own, agent_ids: ["writer"] })
      deepStrictEqual(
        yield* submissions(narrow, [
          inConversation(own),
          inConversation(own, { agent_id: "reader" }),
          inConversation(own, { request_snapshot, multitask: "steer" }),
        ]),
        [[202], [403, "forbidden", "agent_id"], [403, "forbidden", "multitask"]],
      )
      const say = (role: string) =>
        call("POST", `/conversations/${own}/messages`, { token, body: { role, parts: message.parts } })
      deepStrictEqual([(yield* say("user")).status, (yield* say("system")).status], [201, 403])
    }),
  )

  test(
    "of a label submits runs with that label, each in a conversation of its own, and reaches their children",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const own = crypto.randomUUID()
      const token = yield* issue({ label: { customer: "42" } })
      const submitted = yield* call("POST", "/runs", {
        token,
        body: { kind: "agent", public_id: own, request: { agent_id: "writer" } },
      })
      deepStrictEqual(
        [submitted.status, (yield* TestRuns.getRun(Ids.RunId.make(own))).labels],
        [202, { customer: "42" }],
      )
      deepStrictEqual(
        yield* submissions(token, [
          { kind: "agent", request: { agent_id: "writer", labels: { customer: "42" } } },
          { kind: "agent", request: { agent_id: "writer", labels: { customer: "43" } } },
          { kind: "agent", request: { agent_id: "writer", labels: { customer: "42", team: "a" } } },
          inConversation(submitted.json.run.owner.id),
        ]),
        [[202], [403, "forbidden", "labels"], [403, "forbidden", "labels"], [403, "forbidden", "owner"]],
      )
      yield* runs.submit(TestRuns.submission({ publicId: "child", parentRunId: own }))
      yield* runs.submit(TestRuns.submission({ publicId: "other", labels: { customer: "43" } }))
      const read = (id: string) => Effect.map(call("GET", `/runs/${id}`, { token }), ({ status }) => status)
      deepStrictEqual(yield* Effect.forEach([own, "child", "other"], read), [200, 200, 404])
      // A run that gets the label is one of them from then on.
      yield* runs.label(Ids.RunId.make("other"), { customer: "42" })
      strictEqual(yield* read("other"), 200)
    }),
  )

  test(
    "answers what its run waits for, but no question about a budget",
    Effect.gen(function* () {
      const holder = yield* TestRuns.register()
      const leases = yield* Leases.Leases
      const run = yield* TestRuns.hold(holder, { publicId: "own" })
      yield* leases.suspend(TestRuns.leaseOf(run), TestRuns.forToolCall())
      const spent = yield* TestRuns.hold(holder, { publicId: "spent", budget: { steps: 1 } })
      yield* TestRuns.append(spent, [
        AgentEvent.custom("runlease.step", { step_id: "a", record_id: "a", name: "a" }),
      ])
      yield* leases.suspend(TestRuns.leaseOf(spent), { budget: true })
      const question = Effect.map(
        TestRuns.getRun(spent.runId),
        ({ waiting }) => waiting?.interrupts[0]?.id ?? "",
      )
      const budgetId = yield* question
      strictEqual(budgetId.startsWith("budget-"), true)
      const resume = (runId: string, body: object) =>
        Effect.gen(function* () {
          const token = yield* issue({ run_id: runId })
          const { json, status } = yield* call("POST", `/runs/${runId}/resume`, { token, body })
          return [status, json.field]
        })
      const toolResult = (tool_call_id: string) => ({
        type: "tool_result",
        tool_call_id,
        result: { steps: 9 },
      })
      const raised = { interruptId: budgetId, status: "resolved", payload: { steps: 9 } }
      const declined = { interruptId: budgetId, status: "cancelled" }
      const toWire = ({ interruptId, ...answer }: { readonly interruptId: string }) => ({
        interrupt_id: interruptId,
        ...answer,
      })
      deepStrictEqual(
        yield* Effect.all([
          resume("own", toolResult("call")),
          resume("spent", toolResult(budgetId)),
          resume("spent", { type: "interrupts", resume: [toWire(raised)] }),
          resume("spent", { type: "interrupts", resume: [toWire(declined)] }),
        ]),
        [
          [200, undefined],
          [403, "resume"],
          [403, "resume"],
          [403, "resume"],
        ],
      )
      const token = yield* issue({ conversation_id: spent.conversationId })
      const input = {
        threadId: spent.conversationId,
        runId: crypto.randomUUID(),
        messages: [],
        tools: [],
        context: [],
      }
      const sent = yield* call("POST", "/ag-ui/agent?detach=true", {
        token,
        body: { ...input, resume: [raised] },
      })
      deepStrictEqual([sent.status, sent.json.field], [403, "resume"])
      const part = {
        type: "tool-budget",
        toolCallId: budgetId,
        state: "output-available",
        output: { steps: 9 },
      }
      const posted = yield* call("POST", "/chat/agent", {
        token,
        body: { id: spent.conversationId, messages: [{ id: "a", role: "assistant", parts: [part] }] },
      })
      deepStrictEqual([posted.status, posted.json.field], [403, "resume"])
      strictEqual(yield* question, budgetId)
    }),
  )

  test(
    "lists the runs that it reaches, and no others",
    Effect.gen(function* () {
      const conversationId = yield* create
      const labels = { customer: "42" }
      yield* TestRuns.submit({ publicId: "both", conversationId, labels, agentId: "writer" })
      yield* TestRuns.submit({ publicId: "reading", conversationId, agentId: "reader" })
      yield* TestRuns.submit({ publicId: "labelled", labels })
      yield* TestRuns.submit({ publicId: "other", labels: { customer: "43" } })
      const list = (token: string, query = "", project = "default") =>
        Effect.map(call("GET", `/projects/${project}/runs${query}`, { token }), ({ json, status }) =>
          status === 200
            ? json.data.map(({ run_id }: { readonly run_id: string }) => run_id).toSorted()
            : [status, json.error, json.field],
        )
      const inIt = yield* issue({ conversation_id: conversationId })
      deepStrictEqual(
        yield* Effect.all([
          list(inIt),
          list(inIt, "?agent_id=reader"),
          list(inIt, `?conversation_id=${conversationId}&label=customer:42`),
          list(inIt, `?conversation_id=${yield* Ids.uuidV7}`),
          list(inIt, "", "nothing"),
        ]),
        [
          ["both", "reading"],
          ["reading"],
          ["both"],
          [404, "conversation_not_found", "conversation_id"],
          [404, "project_not_found", "project_reference"],
        ],
      )
      const labelled = yield* issue({ label: labels })
      deepStrictEqual(
        yield* Effect.all([
          list(labelled),
          list(labelled, `?conversation_id=${conversationId}`),
          list(labelled, "?label=customer:43"),
        ]),
        [["both", "labelled"], ["both"], [403, "forbidden", "label"]],
      )
      const narrow = yield* issue({ conversation_id: conversationId, agent_ids: ["writer"] })
      deepStrictEqual(
        yield* Effect.all([
          list(narrow),
          list(narrow, "?agent_id=writer"),
          list(narrow, "?agent_id=writer&agent_id=reader"),
          list(yield* issue({ run_id: "both" })),
          list(yield* issue({ label: labels, scopes: ["write", "stop"] })),
        ]),
        [
          ["both"],
          ["both"],
          [403, "forbidden", "agent_id"],
          [403, "forbidden", undefined],
          [403, "forbidden", undefined],
        ],
      )
    }),
  )

  test(
    "of a run reaches the run by each of its ids, and not its children",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      yield* runs.submit(TestRuns.submission({ publicId: "own" }))
      yield* runs.submit(TestRuns.submission({ publicId: "child", parentRunId: "own" }))
      const token = yield* issue({ run_id: "own" })
      const statusOf = (method: string, path: string, body?: object) =>
        Effect.map(call(method, path, { token, ...(body && { body }) }), ({ status }) => status)
      deepStrictEqual(
        yield* Effect.all([
          statusOf("GET", "/runs/own"),
          statusOf("GET", "/runs/child"),
          statusOf("POST", "/runs", { kind: "agent", request: { agent_id: "writer" } }),
          statusOf("POST", "/runs/child/cancel"),
          statusOf("POST", "/runs/own/cancel"),
        ]),
        [200, 404, 403, 404, 200],
      )
    }),
  )

  test(
    "says in one sentence what it may not do",
    Effect.gen(function* () {
      const detailOf = (token: string, method: string, path: string, body?: object) =>
        Effect.map(call(method, path, { token, ...(body && { body }) }), ({ json }) => json.detail)
      yield* TestRuns.submit({ publicId: "own" })
      const read = yield* issue({ run_id: "own", scopes: ["read"] })
      deepStrictEqual(
        [
          yield* detailOf(read, "POST", "/runs/own/cancel"),
          yield* detailOf(read, "GET", `/conversations/${yield* Ids.uuidV7}`),
          yield* detailOf(read, "GET", "/projects/default/limits"),
        ],
        [
          "This token has no scope stop, only read; a page that does this needs a token with it",
          "This token is bound to run own, and this needs one that is bound to a conversation",
          "A token for a browser is not enough for this: it reads, writes and stops what it is bound to; use an API key, in a program that no page has",
        ],
      )
    }),
  )
})

const writer = () => Emit.text("answer")

for (const version of versions) {
  const inThread = tester(MemoryControlPlane.layer, version)

  describe(`an AG-UI client with a token for a browser, ${version.name}`, () => {
    inThread(
      "has its thread, which need not exist yet, and no other",
      Effect.gen(function* () {
        yield* TestWorker.start(writer)
        const token = yield* issue({ thread_id: "of ann", agent_ids: ["writer"] })
        const page = (threadId: string, query = "") =>
          connect({ agentId: "writer", threadId, query, headers: { authorization: `Bearer ${token}` } })
        const own = yield* page("of ann")
        const { events } = yield* own.say("hello")
        deepStrictEqual([events.at(0)?.type, events.at(-1)?.type], ["RUN_STARTED", "RUN_FINISHED"])
        const look = yield* call("GET", "/threads/of%20ann", { token })
        deepStrictEqual([look.status, look.json.messages.length], [200, 2])
        for (const thread of ["of bob", "main", yield* Ids.uuidV7]) {
          const other = yield* page(thread)
          strictEqual((yield* Effect.flip(other.say("hello"))).status, 404)
          const looked = yield* call("GET", `/threads/${encodeURIComponent(thread)}`, { token })
          deepStrictEqual([looked.status, looked.json.error], [404, "thread_not_found"])
        }
        // Nothing was made.
        strictEqual((yield* (yield* Runs.Runs).list()).items.length, 1)
        const routed = yield* page("of ann", "?worker_key=w")
        strictEqual((yield* Effect.flip(routed.say("hello"))).status, 403)
      }),
    )
  })
}

describe("a token for a browser and some agents", () => {
  test(
    "is refused while a run of another agent has not ended, however many of its own came after that one",
    Effect.gen(function* () {
      const conversationId = yield* create
      const { runId } = yield* TestRuns.submit({ agentId: "reader", conversationId })
      const own = Array.from({ length: 101 }, () => ({ agentId: "writer", conversationId }))
      yield* (yield* Runs.Runs).submitMany(own)
      const token = yield* issue({ conversation_id: conversationId, agent_ids: ["writer"] })
      const statuses = yield* Effect.all([
        call("GET", `/threads/${conversationId}`, { token }),
        call("GET", `/threads/${conversationId}/stream`, { token }),
        call("POST", `/threads/${conversationId}/stop`, { token }),
      ])
      deepStrictEqual(
        statuses.map(({ status }) => status),
        [403, 403, 403],
      )
      strictEqual((yield* TestRuns.getRun(runId)).status, "pending")
    }),
  )
})

describe("an AG-UI request with a token for a browser", () => {
  test(
    "does not stop its run by leaving, unless its token may stop",
    Effect.gen(function* () {
      const [left, stopped] = [crypto.randomUUID(), crypto.randomUUID()]
      const leave = (token: string, runId: string) =>
        Effect.gen(function* () {
          const { url } = yield* Served
          const abort = new AbortController()
          yield* Effect.promise(async () => {
            const response = await fetch(`${url}/ag-ui/writer`, {
              method: "POST",
              signal: abort.signal,
              headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
              body: JSON.stringify({ threadId: runId, runId, messages: [], tools: [], context: [] }),
            })
            strictEqual(response.status, 200)
          })
          abort.abort()
        })
      const scopes = ["read", "write"]
      yield* leave(yield* issue({ thread_id: left, scopes }), left)
      yield* leave(yield* issue({ thread_id: stopped, scopes: [...scopes, "stop"] }), stopped)
      yield* TestRuns.getRun(Ids.RunId.make(stopped)).pipe(
        Effect.repeat({ until: ({ status }) => status === "cancelled" }),
      )
      strictEqual((yield* TestRuns.getRun(Ids.RunId.make(left))).status, "pending")
    }),
  )

  test(
    "for some agents waits while a run of another has not ended, and has a parent of its own thread alone",
    Effect.gen(function* () {
      const conversationId = yield* create
      yield* TestRuns.submit({ publicId: "other-thread" })
      yield* TestRuns.submit({ publicId: "reading", agentId: "reader", conversationId })
      const narrow = yield* issue({ conversation_id: conversationId, agent_ids: ["writer"] })
      const look = call("GET", `/threads/${conversationId}`, { token: narrow })
      strictEqual((yield* look).status, 403)
      strictEqual((yield* call("POST", `/threads/${conversationId}/stop`, { token: narrow })).status, 403)
      yield* (yield* Runs.Runs).cancel(Ids.RunId.make("reading"))
      strictEqual((yield* look).status, 200)
      const input = (runId: string, parentRunId: string) =>
        call("POST", "/ag-ui/writer?detach=true", {
          token: narrow,
          body: { threadId: conversationId, runId, parentRunId, messages: [], tools: [], context: [] },
        })
      yield* TestWorker.start(writer)
      const [one, two] = [crypto.randomUUID(), crypto.randomUUID()]
      yield* input(one, "other-thread")
      yield* input(two, one)
      const parents = yield* Effect.forEach([one, two], (id) =>
        Effect.map(TestRuns.getRun(Ids.RunId.make(id)), ({ parentRunId }) => parentRunId),
      )
      deepStrictEqual(parents, [null, Ids.RunId.make(one)])
    }).pipe(Effect.scoped),
  )
})

describe("a client that makes tokens for browsers", () => {
  it.live("makes and ends them over HTTP", () =>
    Effect.gen(function* () {
      const tokens = yield* BrowserTokens.BrowserTokens
      const run = yield* TestRuns.submit()
      const { expiresAt, token } = yield* tokens.issue({
        scopes: ["read"],
        boundTo: { _tag: "Run", runId: run.runId },
        agentIds: [run.agentId],
        expiresIn: Duration.hours(1),
      })
      assertTrue(expiresAt.epochMillis > 3_500_000)
      const read = call("GET", `/runs/${run.runId}`, { token: Redacted.value(token) })
      strictEqual((yield* read).status, 200)
      const refused = yield* Effect.flip(
        tokens.issue({ scopes: ["read"], boundTo: { _tag: "Label", name: "No Name", value: "1" } }),
      )
      strictEqual(refused._tag, "InvalidBrowserToken")
      yield* tokens.rotate
      strictEqual((yield* read).status, 401)
    }).pipe(
      Effect.provide(Layer.provideMerge(client, serve(MemoryControlPlane.layer, { faces }))),
      Effect.provide(FetchHttpClient.layer),
    ),
  )
})
