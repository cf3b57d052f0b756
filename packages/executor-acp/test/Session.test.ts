import { Conversations, RequestSnapshot, type Run, Runs } from "@runlease/core"
import type * as acp from "@agentclientprotocol/sdk"
import { TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Exit, Predicate } from "effect"
import { conversationId, eventsOf, outcomeOf, ports, scripted, type Subject, textOf } from "./Agents.js"

const message = (id: string, role: string, text: string) => ({
  id,
  role,
  parts: [RequestSnapshot.textPart(text)],
})

const makeConversation = Effect.flatMap(Conversations.Conversations, (conversations) =>
  conversations.create({ id: conversationId }),
)

/** Runs of one conversation, each submitted, claimed, executed and ended. */
const turns = (subject: Subject, ...snapshots: ReadonlyArray<RequestSnapshot.RequestSnapshot>) =>
  Effect.gen(function* () {
    yield* makeConversation
    const worker = yield* TestRuns.register()
    const all: Array<Effect.Effect.Success<ReturnType<typeof outcomeOf>> & { run: Run.ClaimedRun }> = []
    for (const snapshot of snapshots) {
      const run = yield* TestRuns.hold(worker, { conversationId, snapshot })
      const outcome = yield* outcomeOf(subject, run)
      yield* TestRuns.complete(run)
      all.push({ ...outcome, run })
    }
    return all
  })

const conversation = [
  RequestSnapshot.fromText("first"),
  {
    ...RequestSnapshot.empty,
    messages: [
      message("1", "user", "first"),
      message("2", "assistant", "answer"),
      message("3", "user", "second"),
      message("4", "user", "third"),
    ],
  },
]

const find = (notes: ReadonlyArray<Readonly<Record<string, unknown>>>, key: string) =>
  notes.flatMap((note) => (key in note ? [note[key]] : []))

const promptsOf = (notes: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  find(notes, "prompt").map((blocks) =>
    Array.isArray(blocks)
      ? blocks.map((block) => (Predicate.isRecord(block) ? block["text"] : undefined))
      : [],
  )

const history = [
  { sessionUpdate: "user_message_chunk", content: { type: "text", text: "first" } },
  { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "OLD" } },
]

describe("the session of an agent", () => {
  it.live("is recorded under the run's lease, and resumed by the next run of the conversation", () =>
    Effect.gen(function* () {
      const capabilities = { loadSession: true, sessionCapabilities: { resume: {} } }
      const subject = yield* scripted({ capabilities, history, steps: [{ say: "a" }] })
      const [one, two] = yield* turns(subject, ...conversation)
      const notes = yield* subject.notes
      const key = find(notes, "started").map((pid) => `session-${String(pid)}`)[0]
      deepStrictEqual(find(notes, "loaded"), [key])
      deepStrictEqual(find(notes, "replays"), [false])
      deepStrictEqual(promptsOf(notes), [["first"], ["second", "third"]])
      const runs = yield* Runs.Runs
      for (const { run } of [one!, two!]) strictEqual((yield* runs.get(run.runId)).session?.sessionKey, key)
      const again = (yield* runs.get(one!.run.runId)).session
      strictEqual(again?.implementationKind, "test")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is loaded if it cannot be resumed, and its replay is not logged again", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ capabilities: { loadSession: true }, history, steps: [{ say: "a" }] })
      const [, two] = yield* turns(subject, ...conversation)
      deepStrictEqual(find(yield* subject.notes, "replays"), [true])
      strictEqual(textOf(two!.events), "a")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  for (const [how, capabilities, failLoad] of [
    ["cannot be loaded", { loadSession: true }, true],
    ["cannot be continued by its agent", {}, false],
  ] as const) {
    it.live(`that ${how} is replaced by a new one, whose prompt has the conversation`, () =>
      Effect.gen(function* () {
        const subject = yield* scripted({ capabilities, failLoad, steps: [{ say: "a" }] })
        const [, two] = yield* turns(subject, ...conversation)
        const notes = yield* subject.notes
        strictEqual(find(notes, "new").length, 2)
        const [transcript, ...rest] = promptsOf(notes)[1]!
        assertInclude(String(transcript), "user: first\n\nassistant: answer")
        assertTrue(!String(transcript).includes("second"))
        deepStrictEqual(rest, ["second", "third"])
        strictEqual(textOf(two!.events), "a")
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("of the run itself is continued by its next attempt", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        capabilities: { loadSession: true },
        steps: [{ say: "a" }, { exit: 1 }],
      })
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker, { snapshot: conversation[0]! })
      yield* outcomeOf(subject, run)
      const runs = yield* Runs.Runs
      const { session } = yield* runs.get(run.runId)
      yield* outcomeOf(subject, { ...run, session, attempt: 2 })
      const [first, note, request] = promptsOf(yield* subject.notes).flat()
      deepStrictEqual([first, request], ["first", "first"])
      assertInclude(String(note), "interrupted")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("has its own ids of calls, which differ in the log from those of other sessions", () =>
    Effect.gen(function* () {
      const update = (fields: object) => ({ update: { toolCallId: "call_1", title: "t", ...fields } })
      const subject = yield* scripted({
        steps: [
          update({ sessionUpdate: "tool_call", status: "in_progress", rawInput: { a: 1 } }),
          update({ sessionUpdate: "tool_call_update", status: "completed", rawOutput: "b" }),
        ],
      })
      const [one, two] = yield* turns(subject, ...conversation)
      const ids = [one!, two!].map(({ events }) =>
        events.flatMap(({ toolCallId }) => (typeof toolCallId === "string" ? [toolCallId] : [])),
      )
      for (const all of ids) {
        strictEqual(new Set(all).size, 1)
        assertTrue(all[0]!.startsWith("call_1-"), all[0])
      }
      strictEqual(new Set(ids.flat()).size, 2)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("of another agent is not used", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ capabilities: { loadSession: true } })
      const worker = yield* TestRuns.register()
      yield* makeConversation
      for (const agentId of ["one", "two"]) {
        const run = yield* TestRuns.hold(worker, { conversationId, agentId, snapshot: conversation[0]! })
        yield* outcomeOf(subject, run)
        yield* TestRuns.complete(run)
      }
      strictEqual(find(yield* subject.notes, "new").length, 2)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("the prompt of a session", () => {
  const words = ["first", "second", "third"]
  /** The snapshots of runs with one more message of the user each, in a conversation without answers. */
  const unanswered = words.map((_, last) => ({
    ...RequestSnapshot.empty,
    messages: words.slice(0, last + 1).map((text, index) => message(`u${index}`, "user", text)),
  }))

  it.live("is the new messages, in a conversation without answers", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ capabilities: { loadSession: true }, steps: [{ say: "a" }] })
      yield* turns(subject, ...unanswered)
      deepStrictEqual(promptsOf(yield* subject.notes), [["first"], ["second"], ["third"]])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is the last message again if none is new", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ capabilities: { loadSession: true }, steps: [{ say: "a" }] })
      yield* turns(subject, unanswered[1]!, unanswered[1]!)
      deepStrictEqual(promptsOf(yield* subject.notes), [["first", "second"], ["second"]])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is the conversation and the new messages, if the session is lost", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ say: "a" }] })
      yield* turns(subject, ...unanswered.slice(0, 2))
      const [first, [transcript, ...rest] = []] = promptsOf(yield* subject.notes)
      deepStrictEqual(first, ["first"])
      assertInclude(String(transcript), "user: first")
      assertTrue(!String(transcript).includes("second"))
      deepStrictEqual(rest, ["second"])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is the same in the next attempt of a run", () =>
    Effect.gen(function* () {
      const capabilities = { loadSession: true }
      const subject = yield* scripted({ capabilities, steps: [{ say: "a" }, { exit: 1 }] })
      const [one] = yield* turns(subject, unanswered[0]!)
      const worker = yield* TestRuns.register("again")
      const run = yield* TestRuns.hold(worker, { conversationId, snapshot: unanswered[1]! })
      yield* outcomeOf(subject, run)
      const { session } = yield* Effect.flatMap(Runs.Runs, (runs) => runs.get(run.runId))
      yield* outcomeOf(subject, { ...run, session, attempt: 2 })
      assertTrue(Exit.isFailure(one!.exit))
      const [first, second, [note, ...rest] = []] = promptsOf(yield* subject.notes)
      deepStrictEqual([first, second, rest], [["first"], ["second"], ["second"]])
      assertInclude(String(note), "interrupted")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is all that the agent has not accepted", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        capabilities: { loadSession: true },
        authAtPrompt: true,
        authMethods: [{ id: "key", name: "Key" }],
      })
      yield* turns(subject, unanswered[0]!)
      yield* turns({ ...subject, options: { ...subject.options, authMethod: "key" } }, unanswered[1]!)
      const both = ["first", "second"]
      deepStrictEqual(promptsOf(yield* subject.notes), [["first"], both, both])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("the MCP servers of a session", () => {
  const servers: ReadonlyArray<acp.McpServer> = [
    { name: "local", command: "mcp", args: [], env: [] },
    { type: "http", name: "web", url: "http://127.0.0.1:1/mcp", headers: [] },
    { type: "sse", name: "events", url: "http://127.0.0.1:1/sse", headers: [] },
  ]
  for (const [mcpCapabilities, names] of [
    [undefined, ["local"]],
    [{ http: true }, ["local", "web"]],
    [{ http: false, sse: true }, ["local", "events"]],
    [{ http: true, sse: true }, ["local", "web", "events"]],
  ] as const) {
    it.live(`are ${names.join(", ")} for an agent with ${JSON.stringify(mcpCapabilities)}`, () =>
      Effect.gen(function* () {
        const capabilities = { loadSession: true, mcpCapabilities }
        const subject = yield* scripted({ capabilities, steps: [{ say: "a" }] }, { mcpServers: servers })
        yield* turns(subject, ...conversation)
        const notes = yield* subject.notes
        for (const key of ["new", "load"]) {
          const sent = find(notes, key).map((params) =>
            Predicate.isRecord(params) && Array.isArray(params["mcpServers"]) ? params["mcpServers"] : [],
          )
          deepStrictEqual(
            sent.map((all) => all.map(({ name }: acp.McpServer) => name)),
            [Array.from<string>(names)],
          )
        }
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }
})

describe("a prompt", () => {
  const parts = [
    RequestSnapshot.textPart("look"),
    { type: "file", mediaType: "image/png", url: "data:image/png;base64,AAAA", filename: "a.png" },
    { type: "file", mediaType: "text/plain", url: "data:text/plain;base64,aGk=", filename: "b.txt" },
    { type: "file", url: "https://example.com/c" },
  ]
  const snapshot = { ...RequestSnapshot.empty, messages: [{ id: "1", role: "user", parts }] }
  const prompted = (promptCapabilities: Record<string, boolean>) =>
    Effect.gen(function* () {
      const subject = yield* scripted({ capabilities: { promptCapabilities } })
      const worker = yield* TestRuns.register()
      yield* eventsOf(subject, yield* TestRuns.hold(worker, { snapshot }))
      return find(yield* subject.notes, "prompt")[0]
    })

  it.live("has content in forms that the agent supports", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* prompted({ image: true, embeddedContext: true }), [
        { type: "text", text: "look" },
        { type: "image", mimeType: "image/png", data: "AAAA" },
        { type: "resource", resource: { uri: "attachment:///b.txt", mimeType: "text/plain", text: "hi" } },
        { type: "resource_link", uri: "https://example.com/c", name: "attachment" },
      ])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("describes content that the agent does not support", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* prompted({}), [
        { type: "text", text: "look" },
        { type: "text", text: "[a.png (image/png), which this agent cannot take]" },
        { type: "text", text: "b.txt:\nhi" },
        { type: "resource_link", uri: "https://example.com/c", name: "attachment" },
      ])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("the working folder", () => {
  it.live("belongs to one conversation and stays between its runs", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({})
      yield* turns(subject, ...conversation)
      const worker = yield* TestRuns.register()
      yield* eventsOf(subject, yield* TestRuns.hold(worker, { snapshot: conversation[0]! }))
      const folders = find(yield* subject.notes, "new").map((params) =>
        Predicate.isRecord(params) ? params["cwd"] : "",
      )
      strictEqual(folders[0], folders[1])
      assertTrue(String(folders[0]).endsWith(conversationId))
      assertTrue(folders[2] !== folders[0])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
