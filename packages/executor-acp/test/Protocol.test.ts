import { RequestSnapshot } from "@runlease/core"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Fiber, Schema } from "effect"
import { isAbsolute } from "node:path"
import { claimed, eventsOf, ports, type Script, scripted, type Subject, textOf, untilText } from "./Agents.js"

const Received = Schema.Struct({ received: Schema.StringFromBase64 })

const isReceived = Schema.is(Schema.Struct({ received: Schema.String }))

/** The lines from the client to its agent. */
const linesOf = (subject: Subject) =>
  Effect.gen(function* () {
    const notes = (yield* subject.notes).filter((note) => isReceived(note))
    const chunks = yield* Schema.decodeUnknown(Schema.Array(Received))(notes)
    return chunks
      .map(({ received }) => received)
      .join("")
      .split("\n")
      .slice(0, -1)
  })

const Message = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optional(Schema.Unknown),
  method: Schema.optional(Schema.String),
  params: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  result: Schema.optional(Schema.Unknown),
  error: Schema.optional(Schema.Unknown),
})

const decodeMessage = Schema.decode(Schema.parseJson(Message), { onExcessProperty: "error" })

/** The messages from the client to its agent. Fails for any other line. */
const messagesOf = (subject: Subject) =>
  Effect.flatMap(linesOf(subject), (lines) => Effect.forEach(lines, (line) => decodeMessage(line)))

const traced = (script: Script = {}) => scripted({ trace: true, steps: [{ say: "a" }], ...script })

const methodsOf = (messages: ReadonlyArray<typeof Message.Type>) =>
  messages.flatMap(({ method }) => (method === undefined ? [] : [method]))

describe("a client's messages", () => {
  it.live("begin with its version, its name and its capabilities", () =>
    Effect.gen(function* () {
      const subject = yield* traced()
      yield* eventsOf(subject)
      const [initialize, ...others] = yield* messagesOf(subject)
      strictEqual(initialize!.method, "initialize")
      deepStrictEqual(initialize!.params, {
        protocolVersion: 1,
        clientInfo: { name: "runlease", version: "0.1.0" },
        clientCapabilities: {
          fs: { readTextFile: true, writeTextFile: true },
          terminal: true,
          session: { notices: {}, compaction: {} },
        },
      })
      deepStrictEqual(methodsOf(others), ["session/new", "session/prompt"])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("have the protocol's fields and no others, and an absolute path", () =>
    Effect.gen(function* () {
      const subject = yield* traced({ steps: [{ say: "ready" }, { hang: true }] })
      yield* Fiber.interrupt(yield* untilText(subject, "ready"))
      const [, open, prompt, cancel, ...rest] = yield* messagesOf(subject)
      const { cwd, ...others } = open!.params!
      assertTrue(isAbsolute(String(cwd)))
      deepStrictEqual(others, { mcpServers: [] })
      const { sessionId, ...prompted } = prompt!.params!
      deepStrictEqual(prompted, { prompt: [{ type: "text", text: "What is new?" }] })
      deepStrictEqual([cancel!.method, cancel!.params], ["session/cancel", { sessionId }])
      // A notification has no id.
      deepStrictEqual([cancel!.id, rest], [undefined, []])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("are one line of JSON each, with any text", () =>
    Effect.gen(function* () {
      const text = 'a\nb\r\n\u2028"é😀\u0000'
      const subject = yield* traced()
      yield* eventsOf(subject, claimed({ snapshot: RequestSnapshot.fromText(text) }))
      const messages = yield* messagesOf(subject)
      deepStrictEqual(messages.at(-1)!.params!["prompt"], [{ type: "text", text }])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("answer each request of the agent once, under its id", () =>
    Effect.gen(function* () {
      const subject = yield* traced({
        steps: [
          { request: { method: "_own/method" } },
          { request: { method: "session/unknown" } },
          { request: { method: "fs/read_text_file", params: { path: "$CWD/none" } } },
          { request: { method: "fs/read_text_file", params: {} } },
          { terminal: { command: "true" }, wait: true, release: true, afterRelease: true },
          { notify: "_own/event" },
          { notify: "unknown/event" },
          { say: "b" },
        ],
      })
      strictEqual(textOf(yield* eventsOf(subject)), "b")
      deepStrictEqual(
        (yield* subject.notes).flatMap(({ code, method }) => (code === undefined ? [] : [[method, code]])),
        [
          ["_own/method", -32601],
          ["session/unknown", -32601],
          ["fs/read_text_file", -32002],
          ["fs/read_text_file", -32602],
          ["terminal/output", -32002],
        ],
      )
      const answers = (yield* messagesOf(subject)).filter(({ method }) => method === undefined)
      strictEqual(answers.length, 8)
      strictEqual(new Set(answers.map(({ id }) => id)).size, 8)
      for (const answer of answers) assertTrue("result" in answer !== "error" in answer)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("request nothing that the agent has not declared", () =>
    Effect.gen(function* () {
      const subject = yield* traced({
        authMethods: [{ id: "key", name: "Key" }],
        capabilities: { loadSession: false, sessionCapabilities: {}, auth: {} },
      })
      for (const _ of [1, 2]) yield* eventsOf(subject)
      const turn = ["initialize", "session/new", "session/prompt"]
      deepStrictEqual(methodsOf(yield* messagesOf(subject)), [...turn, ...turn])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
