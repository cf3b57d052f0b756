import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Ids, Interrupt, type Run, Runs, WorkerRegistry } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Queue, Schedule, Stream } from "effect"
import { maxBytes } from "../../src/contract/Body.js"
import { type Call, call } from "../raw.js"
import { connect, echo, tester, untilStatus, warnings, whole } from "./HttpAgents.js"

const test = tester(MemoryControlPlane.layer)

const input = (more: object = {}) => ({
  threadId: "t",
  runId: "r",
  messages: [],
  tools: [],
  context: [],
  ...more,
})

const post = (body: unknown, query = "", options: Omit<Call, "body"> = {}) =>
  call("POST", `/ag-ui/agent${query}`, { body, ...options })

/** A worker that keeps what it was asked, and says nothing. */
const keeper = Effect.gen(function* () {
  const asked = yield* Queue.unbounded<Run.ClaimedRun>()
  yield* TestWorker.start(Executor.from((run) => Effect.asVoid(Queue.offer(asked, run))))
  return Queue.take(asked)
})

const user = (content: unknown, id = "m1") => ({ id, role: "user", content })

describe("the request of an AG-UI client", () => {
  test(
    "is the request that the executor gets",
    Effect.gen(function* () {
      const next = yield* keeper
      const tools = [{ name: "colour", description: "A colour", parameters: { type: "object" } }]
      const context = [{ description: "who", value: "Anna" }]
      const image = { type: "image", source: { type: "url", value: "https://example.org/a.png" } }
      const messages = [
        { id: "m0", role: "system", content: "Be brief" },
        user([{ type: "text", text: "What is this?" }, image]),
        {
          id: "m2",
          role: "assistant",
          toolCalls: [{ id: "c", type: "function", function: { name: "colour", arguments: '{"of":"it"}' } }],
        },
        { id: "m3", role: "tool", toolCallId: "c", content: "blue" },
      ]
      const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
      const given = input({ messages, tools, context, forwardedProps: { a: 1 }, state: { b: [2] } })
      yield* post(given, "", { headers: { traceparent } })
      const { agentId, runId, snapshot } = yield* next
      deepStrictEqual([agentId, runId], ["agent", "r"])
      deepStrictEqual(
        snapshot.messages.map(({ id, parts, role }) => [id, role, parts.map(({ type }) => type)]),
        [
          ["m0", "system", ["text"]],
          ["m1", "user", ["text", "file"]],
          ["m2", "assistant", ["tool_call"]],
          ["m3", "tool", ["tool_result"]],
        ],
      )
      deepStrictEqual(
        [snapshot.tools, snapshot.context, snapshot.forwardedProps, snapshot.state],
        [tools, context, { a: 1 }, { b: [2] }],
      )
      deepStrictEqual(snapshot.traceContext, {
        traceId: "a".repeat(32),
        spanId: "b".repeat(16),
        traceFlags: 1,
      })

      yield* post(input({ runId: "bare", state: null, forwardedProps: null }), "", {
        headers: { traceparent: "nonsense" },
      })
      deepStrictEqual((yield* next).snapshot, { messages: [], tools: [], context: [] })
    }),
  )

  test(
    "is served without what AG-UI 1.0 does not have, and a warning says so",
    Effect.gen(function* () {
      const next = yield* keeper
      const text = { type: "text", text: "hello" }
      const messages = [
        { id: "m0", role: "king", content: "obey" },
        user([
          { type: "hologram", of: "it" },
          { type: "image", source: { type: "moon", value: "x" } },
          { ...text, later: true },
        ]),
        { id: "m2", role: "tool", toolCallId: "c", content: [{ type: "hologram" }, text] },
      ]
      yield* post(input({ messages, protocolVersion: "2.0-draft" }))
      const { snapshot } = yield* next
      deepStrictEqual(AgUiMessages.toAgUi(snapshot.messages), [
        user([{ ...text, later: true }]),
        { id: "m2", role: "tool", toolCallId: "c", content: [text] },
      ])
      const places = ["messages.0", "messages.1.content.0", "messages.1.content.1", "messages.2.content.0"]
      deepStrictEqual(yield* warnings, [
        'Run r: the client speaks version "2.0-draft" of AG-UI, of which this server may not know all',
        "Run r: the client sent 4 messages or parts that AG-UI 1.0 does not have, which are left out: " +
          places.join(", "),
      ])
    }),
  )

  test(
    "keeps the encrypted reasoning of its history",
    Effect.gen(function* () {
      const next = yield* keeper
      const messages = [
        user("hello"),
        { id: "r", role: "reasoning", content: "Hm", encryptedValue: "e1" },
        { id: "a", role: "assistant", content: "Hello", encryptedValue: "e2" },
      ]
      yield* post(input({ messages }))
      const { snapshot } = yield* next
      deepStrictEqual(AgUiMessages.toAgUi(snapshot.messages), messages)
      deepStrictEqual(
        snapshot.messages.map(({ parts }) => parts.map(({ encryptedValue }) => encryptedValue)),
        [[undefined], ["e1"], ["e2"]],
      )
    }),
  )

  test(
    "may hold binary parts, as clients older than 1.0 write them",
    Effect.gen(function* () {
      const next = yield* keeper
      const content = [
        { type: "binary", mimeType: "image/png", data: "AAAA", filename: "a.png" },
        { type: "binary", mimeType: "application/pdf", url: "https://example.org/a.pdf" },
        { type: "binary", mimeType: "text/plain", id: "f1", url: null },
      ]
      yield* post(input({ messages: [user(content)] }))
      const [message] = AgUiMessages.toAgUi((yield* next).snapshot.messages)
      deepStrictEqual(message?.["content"], [
        {
          type: "image",
          source: { type: "data", value: "AAAA", mimeType: "image/png" },
          metadata: { filename: "a.png" },
        },
        {
          type: "document",
          source: { type: "url", value: "https://example.org/a.pdf", mimeType: "application/pdf" },
        },
        { type: "document", source: { type: "file", value: "f1", mimeType: "text/plain" } },
      ])
      deepStrictEqual(yield* warnings, [])
    }),
  )

  test(
    "is served as its version or as the one before, by a newer client too",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      for (const protocolVersion of ["1.1", "1.0", "later", ""]) {
        const { text } = yield* post(
          input({ runId: `of ${protocolVersion}`, protocolVersion, messages: [user("hello")] }),
        )
        assertTrue(text.includes('"protocolVersion":"1.0"') && text.includes("You said: hello"))
      }
      strictEqual((yield* warnings).length, 2)
    }),
  )

  test(
    "names the conversation by its thread, within the project",
    Effect.gen(function* () {
      yield* keeper
      const uuid = "0b7f0c5e-6d0f-4a52-9a33-1a2b3c4d5e6f"
      const threads = [uuid, "a", "b", "a", "\u{1F600} / ?#"]
      yield* Effect.forEach(threads, (threadId, index) => post(input({ threadId, runId: `r${index}` })))
      const conversations = yield* Effect.forEach(threads, (_, index) =>
        Effect.map(TestRuns.getRun(Ids.RunId.make(`r${index}`)), ({ conversationId }) => conversationId),
      )
      strictEqual(conversations[0], uuid)
      strictEqual(conversations[1], conversations[3])
      strictEqual(new Set(conversations).size, 4)
      const derived = yield* call("GET", `/conversations/${conversations[1]}`)
      deepStrictEqual(derived.json.metadata, { threadId: "a" })

      yield* call("POST", "/projects", { body: { slug: "other" } })
      const { json } = yield* call("POST", "/projects/other/keys", { body: { name: "k" } })
      const other = yield* connect({ threadId: "a", headers: { authorization: `Bearer ${json.token}` } })
      yield* other.run({ runId: "r1" })
      const look = call("GET", "/runs/r1", { token: json.token })
      yield* Effect.repeat(look, {
        until: ({ status }) => status === 200,
        schedule: Schedule.spaced("5 millis"),
      })
      const elsewhere = yield* look
      assertTrue(elsewhere.json.owner.id !== conversations[1])
    }),
  )

  test(
    "gives the same run when it comes again, and is refused when it is another",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const first = yield* post(input({ messages: [user("hello")] }))
      strictEqual(first.headers.get("content-type"), "text/event-stream")
      const again = yield* post(input({ messages: [user("hello")] }), "", {
        headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
      })
      strictEqual(again.text, first.text)
      for (const [body, query] of [
        [input({ messages: [user("other")] }), ""],
        [input({ messages: [user("hello")], threadId: "u" }), ""],
        [input({ messages: [user("hello")] }), "?worker_key=w"],
      ] as const) {
        const other = yield* post(body, query)
        deepStrictEqual(
          [other.status, other.json.error, other.json.field],
          [409, "submission_conflict", "runId"],
        )
      }
      const runs = yield* Effect.flatMap(Runs.Runs, (port) => port.list())
      strictEqual(runs.items.length, 1)
    }),
  )

  test(
    "is answered as the version that it declares has it",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.fail(Executor.awaitAnswers([{ ...Interrupt.ofToolCall("c", "colour"), clientTool: true }])),
        ),
      )
      const endOf = (more: object) =>
        Effect.map(post(input(more)), ({ text }) => JSON.parse(text.trimEnd().split("data: ").at(-1)!))
      const current = yield* endOf({ runId: "new", threadId: "new", protocolVersion: "1.0" })
      deepStrictEqual(current.outcome, { type: "success", pendingToolCallIds: ["c"] })
      const older = yield* endOf({ runId: "old", threadId: "old" })
      deepStrictEqual([older.type, older.outcome], ["RUN_FINISHED", undefined])
      strictEqual((yield* TestRuns.getRun(Ids.RunId.make("old"))).status, "waiting")
    }),
  )

  test(
    "is answered without what a client of no version refuses, and a warning says so",
    Effect.gen(function* () {
      const content: ReadonlyArray<AgentEvent.ContentPart> = [
        { type: "text", text: "a picture" },
        { type: "image", source: { type: "url", value: "https://example.org/a.png" } },
      ]
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.make(AgentEvent.toolCallStart("c", "look"), AgentEvent.toolCallEnd("c"), {
            ...AgentEvent.toolCallResult("c", "c-result", ""),
            content,
          }),
        ),
      )
      const current = yield* post(input({ runId: "new", protocolVersion: "1.0" }))
      assertTrue(current.text.includes(JSON.stringify(content)))
      deepStrictEqual(yield* warnings, [])
      const older = yield* post(input({ runId: "old" }))
      assertTrue(older.text.includes('"content":"a picture"'))
      deepStrictEqual(yield* warnings, [
        "The client of run old declares no version of AG-UI, so it was sent tool results without 1 of their parts, which are no text",
      ])
    }),
  )

  test(
    "goes on after the event that the client saw last",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const all = yield* post(input({ messages: [user("hello")] }))
      const rest = yield* post(input({ messages: [user("hello")] }), "", {
        headers: { "last-event-id": "2" },
      })
      strictEqual(rest.text.startsWith(":\n\nid: 3\n"), true)
      assertTrue(all.text.endsWith(rest.text.slice(3)))
    }),
  )

  test(
    "reads as one JSON object a line, with line feeds alone, from the first byte on",
    Effect.gen(function* () {
      yield* TestWorker.start(Executor.from(() => Effect.succeed("a\r\nb\u2028c")))
      const { text } = yield* post(input())
      assertTrue(!text.includes("\r"))
      const frames = text.split("\n\n").filter((frame) => frame !== "" && frame !== ":")
      deepStrictEqual(
        frames.map((frame) => {
          const lines = frame.split("\n").filter((line) => !/^id: \d+$/.test(line))
          strictEqual(lines.length, 1)
          return String(JSON.parse(lines[0]!.replace(/^data: /, "")).type)
        }),
        whole,
      )
    }),
  )

  test(
    "says who may claim the run",
    Effect.gen(function* () {
      const held = yield* connect({ query: "?implementation_kind=special&worker_key=w%3A1&detach=true" })
      yield* held.run({ runId: "r" })
      yield* untilStatus("r", "pending")
      const run = yield* TestRuns.getRun(Ids.RunId.make("r"))
      deepStrictEqual([run.implementationKind, run.workerKey], ["special", "w:1"])
      deepStrictEqual(yield* TestRuns.claim(yield* TestRuns.register("w:1", "other")), [])
      yield* TestRuns.claimOne(yield* TestRuns.register("w:1", "special"))
    }),
  )

  test(
    "names the parent of the run, where that is one",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      yield* post(input({ runId: "first" }))
      yield* post(input({ runId: "second", parentRunId: "first" }))
      yield* post(input({ runId: "third", parentRunId: "nobody\u0000" }))
      const parents = yield* Effect.forEach(["second", "third"], (runId) =>
        Effect.map(TestRuns.getRun(Ids.RunId.make(runId)), ({ parentRunId }) => parentRunId),
      )
      deepStrictEqual(parents, ["first", null])
    }),
  )

  test(
    "may be large, and its answer too",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const text = "x".repeat(2_000_000)
      const chat = yield* connect()
      const { events } = yield* chat.say(text)
      assertTrue(events.length > 8)
      strictEqual(chat.answer(), `You said: ${text}`)
      const tooLarge = yield* Effect.flip(chat.say("y".repeat(maxBytes)))
      deepStrictEqual([tooLarge.status, tooLarge.payload?.error], [413, "body_too_large"])
    }),
  )

  test(
    "is refused like any other, in JSON",
    Effect.gen(function* () {
      const registered = yield* call("POST", "/agent-workers/projects/default/workers", {
        body: { implementation_kind: "kind", worker_key: "w" },
      })
      const long = "x".repeat(1025)
      const refusals = [
        [yield* post(input(), "", { token: null }), 401, "unauthorized", undefined],
        [yield* post(input(), "", { token: "rlk_nobody" }), 401, "unauthorized", undefined],
        [yield* post(input(), "", { token: registered.json.token }), 403, "forbidden", undefined],
        [
          yield* post(input(), "", { headers: { "content-type": "text/plain" } }),
          415,
          "unsupported_media_type",
          "content-type",
        ],
        [yield* post(undefined, "", { text: "{" }), 400, "invalid_json", "body"],
        [yield* post([]), 400, "invalid_request", undefined],
        [yield* post({}), 400, "invalid_request", "threadId"],
        [yield* post(input({ runId: 1 })), 400, "invalid_request", "runId"],
        [yield* post(input({ runId: "" })), 400, "invalid_request", "runId"],
        [yield* post(input({ runId: "a\u0000" })), 400, "invalid_request", "runId"],
        [yield* post(input({ runId: "x".repeat(129) })), 400, "invalid_request", "runId"],
        [yield* post(input({ threadId: long })), 400, "invalid_request", "threadId"],
        [yield* post(input({ messages: {} })), 400, "invalid_request", "messages"],
        [
          yield* post(input({ messages: [{ id: "m", role: 5, content: "" }] })),
          400,
          "invalid_request",
          "messages.0.role",
        ],
        [yield* post(input({ messages: [user(5)] })), 400, "invalid_request", "messages.0.content"],
        [
          yield* post(input({ messages: [user([{ type: "text" }])] })),
          400,
          "invalid_request",
          "messages.0.content.0.text",
        ],
        [
          yield* post(input({ messages: [user([{ type: "image", source: { type: "url", value: 5 } }])] })),
          400,
          "invalid_request",
          "messages.0.content.0.source.value",
        ],
        [yield* post(input({ protocolVersion: 1 })), 400, "invalid_request", "protocolVersion"],
        [yield* post(input({ tools: [{ name: "n" }] })), 400, "invalid_request", "tools.0.description"],
        [
          yield* post(input({ resume: [{ interruptId: "i", status: "maybe" }] })),
          400,
          "invalid_request",
          "resume.0.status",
        ],
        [yield* post(input(), "?detach=perhaps"), 400, "invalid_request", "detach"],
        [yield* post(input(), "?implementation_kind=%20"), 400, "invalid_request", "implementation_kind"],
        [
          yield* call("POST", `/ag-ui/${"x".repeat(129)}`, { body: input() }),
          400,
          "invalid_request",
          "agent_id",
        ],
        [yield* call("GET", "/ag-ui/agent"), 405, "method_not_allowed", undefined],
        [
          yield* post(input({ resume: [{ interruptId: "i", status: "resolved" }] })),
          409,
          "not_waiting",
          "resume",
        ],
      ] as const
      for (const [answer, status, error, field] of refusals) {
        deepStrictEqual([answer.status, answer.json.error, answer.json.field], [status, error, field])
        strictEqual(answer.headers.get("content-type"), "application/json")
        assertTrue(typeof answer.json.detail === "string" && answer.json.detail !== "")
      }
      const runs = yield* Effect.flatMap(Runs.Runs, (port) => port.list())
      deepStrictEqual(runs.items, [])
      const chat = yield* connect({ headers: { authorization: "Bearer nobody" } })
      const refused = yield* Effect.flip(chat.say("hello"))
      deepStrictEqual([refused.status, refused.payload?.error], [401, "unauthorized"])
    }),
  )
})

describe("the capabilities of an agent", () => {
  const capabilities = (agentId: string) =>
    Effect.map(call("GET", `/ag-ui/${agentId}/capabilities`), ({ json }) => json)

  const served = {
    transport: {
      streaming: true,
      websocket: false,
      httpBinary: false,
      pushNotifications: false,
      resumable: true,
    },
    humanInTheLoop: { interrupts: true },
  }

  test(
    "are those of the server and the latest ones of its worker",
    Effect.gen(function* () {
      deepStrictEqual(yield* capabilities("painter"), { identity: { name: "painter" }, ...served })
      const registry = yield* WorkerRegistry.WorkerRegistry
      const say = (workerKey: string, said: unknown) =>
        Effect.flatMap(
          registry.register({
            implementationKind: "test",
            workerKey,
            metadata: { capabilities: { painter: said } },
          }),
          ({ id }) => registry.heartbeat(id),
        )
      yield* say("w1", {
        identity: { name: "Painter", version: "2" },
        tools: { supported: true, clientProvided: true },
        transport: { websocket: true },
        humanInTheLoop: { approvals: true, interrupts: false },
        custom: { brushes: 3 },
      })
      yield* say("w2", { tools: "many" })
      yield* say("w3", null)
      deepStrictEqual(yield* capabilities("painter"), {
        identity: { name: "Painter", version: "2" },
        tools: { supported: true, clientProvided: true },
        custom: { brushes: 3 },
        transport: served.transport,
        humanInTheLoop: { approvals: true, interrupts: true },
      })
      deepStrictEqual(yield* capabilities("toString"), { identity: { name: "toString" }, ...served })
      strictEqual((yield* call("GET", "/ag-ui/painter/capabilities", { token: null })).status, 401)
    }),
  )
})
