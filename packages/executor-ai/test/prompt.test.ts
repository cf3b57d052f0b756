/** The prompt that a model gets for a request's snapshot. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type AgentEvent, RequestSnapshot } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { Effect, Logger, LogLevel, Predicate } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"

/** A red dot. */
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg=="

type Message = Pick<RequestSnapshot.SnapshotMessage, "role" | "parts">

const snapshot = (
  messages: ReadonlyArray<Message>,
  changes: Partial<RequestSnapshot.RequestSnapshot> = {},
): RequestSnapshot.RequestSnapshot => ({
  ...RequestSnapshot.empty,
  messages: messages.map((message, index) => ({ id: `m${index}`, ...message })),
  ...changes,
})

/** The body of the first request to the model for a snapshot. */
const requestFor = (
  protocol: ModelServer.Protocol,
  messages: ReadonlyArray<Message>,
  changes?: Partial<RequestSnapshot.RequestSnapshot>,
) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["ok"] }))
    const { execute } = yield* ModelRuns.executor(protocol, server, { system: "Own." })
    yield* ModelRuns.eventsOf(execute, ModelRuns.claimed({ snapshot: snapshot(messages, changes) }))
    return server.requests[0]!.body
  }).pipe(Effect.provide(ModelRuns.log))

/** The result of an effect, with the warnings that it logs. */
const withWarnings = <A extends object, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const warnings: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === LogLevel.Warning) warnings.push(message)
    })
    return Effect.map(
      Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)),
      (given): A & { readonly warnings: ReadonlyArray<unknown> } => ({ ...given, warnings }),
    )
  })

const isRecord = Predicate.isRecord

/** The results of calls in a request, which has the form of its protocol. */
const resultsOf = (protocol: ModelServer.Protocol, body: Record<string, unknown>): ReadonlyArray<unknown> => {
  const items = [body["input"] ?? body["messages"]].flat().filter(isRecord)
  switch (protocol) {
    case "responses":
      return items.flatMap(({ output, type }) => (type === "function_call_output" ? [decoded(output)] : []))
    case "messages":
      return items
        .flatMap(({ content }) => (Array.isArray(content) ? content.filter(isRecord) : []))
        .flatMap(({ content, type }) => (type === "tool_result" ? [decoded(content)] : []))
    case "completions":
      return items.flatMap(({ content, role }) => (role === "tool" ? [content] : []))
  }
}

/** These two have results as JSON. */
const decoded = (json: unknown): unknown => {
  const value: unknown = JSON.parse(String(json))
  return typeof value === "string" ? value : JSON.stringify(value)
}

const text = (content: string) => [RequestSnapshot.textPart(content)]

const inOrder = (whole: unknown, parts: ReadonlyArray<string>) => {
  const json = JSON.stringify(whole)
  let at = -1
  for (const part of parts) {
    const next = json.indexOf(part, at + 1)
    assertTrue(next > at, `${part} is not after what comes before it in ${json}`)
    at = next
  }
}

const conversation: ReadonlyArray<Message> = [
  { role: "user", parts: text("Weather in Rome and Oslo?") },
  {
    role: "assistant",
    parts: [
      { type: "reasoning", text: "hidden" },
      ...text("Looking."),
      { type: "tool_call", toolCallId: "t1", toolName: "weather", args: '{"city":"Rome"}' },
      { type: "tool_call", toolCallId: "t2", toolName: "weather", args: '{"city":"Oslo"}' },
      { type: "tool_call", toolCallId: "t3", toolName: "weather", args: '{"city":"Bonn"}' },
    ],
  },
  { role: "developer", parts: text("Be kind.") },
  { role: "user", parts: text("Hurry!") },
  { role: "tool", parts: [{ type: "tool_result", toolCallId: "t2", result: '{"sky":"grey"}' }] },
  { role: "tool", parts: [{ type: "tool_result", toolCallId: "t1", result: { sky: "blue" } }] },
  { role: "tool", parts: [{ type: "tool_result", toolCallId: "lost", result: "of no call" }] },
  { role: "activity", parts: text("not for the model") },
  { role: "assistant", parts: text("") },
]

for (const protocol of ModelRuns.protocols) {
  describe(`the prompt (${protocol})`, () => {
    it.scopedLive("is the whole conversation, each result right after its call", () =>
      Effect.gen(function* () {
        const body = yield* requestFor(protocol, conversation, {
          context: [{ description: "page", value: "/home" }],
        })
        const json = JSON.stringify(body)
        inOrder(body["input"] ?? body["messages"], [
          "Weather in Rome",
          "Looking.",
          "Rome",
          "Oslo",
          "Bonn",
          '{\\"sky\\":\\"blue\\"}',
          '{\\"sky\\":\\"grey\\"}',
          "No result of this call",
          "Hurry!",
          "of no call",
        ])
        for (const system of ["Own.", "Be kind.", "page: /home"]) assertTrue(json.includes(system), system)
        assertTrue(!json.includes("not for the model"))
        assertTrue(!json.includes("hidden"))
      }),
    )

    it.scopedLive("holds images, by data and by URL, in every form that a snapshot has", () =>
      Effect.gen(function* () {
        const forms: ReadonlyArray<RequestSnapshot.MessagePart> = [
          { type: "image", source: { type: "data", value: png, mimeType: "image/png" } },
          { type: "file", mediaType: "image/png", data: png },
          { type: "file", mediaType: "image/png", url: `data:image/png;base64,${png}` },
          { type: "binary", mimeType: "image/png", data: png },
        ]
        for (const form of forms) {
          const body = yield* requestFor(protocol, [{ role: "user", parts: [...text("What is it?"), form] }])
          inOrder(body, ["What is it?", png])
          assertTrue(JSON.stringify(body).includes("image/png"))
        }
        const location = "https://images.example/dot.png"
        const byUrl = { type: "image", source: { type: "url", value: location } }
        assertTrue(
          JSON.stringify(yield* requestFor(protocol, [{ role: "user", parts: [byUrl] }])).includes(location),
        )
      }),
    )

    it.scopedLive("holds a text file as text and a PDF as a file", () =>
      Effect.gen(function* () {
        const pdf = Buffer.from("%PDF-1.4").toString("base64")
        const body = yield* requestFor(protocol, [
          {
            role: "user",
            parts: [
              {
                type: "file",
                filename: "notes.md",
                mediaType: "text/markdown",
                data: Buffer.from("# Ü").toString("base64"),
              },
              { type: "document", source: { type: "data", value: pdf, mimeType: "application/pdf" } },
            ],
          },
        ])
        inOrder(body, ["notes.md", "# Ü", pdf])
      }),
    )

    it.scopedLive("leaves out content that the model cannot use, with a warning", () =>
      Effect.gen(function* () {
        const parts: ReadonlyArray<RequestSnapshot.MessagePart> = [
          { type: "video", source: { type: "data", value: "AAAA", mimeType: "video/mp4" } },
          { type: "image" },
          { type: "file", data: "no base64!", mediaType: "image/png" },
          { type: "file", url: "not a url", mediaType: "image/png" },
          { type: "file", url: "data:image/png;base64,%%%" },
          { type: "file", mediaType: "image/png", fileId: "file-of-none" },
          { type: "file", mediaType: "image/png", fileId: "file-of-another", provider: "google" },
          { type: "hologram", source: { type: "data", value: "AAAA" } },
        ]
        const image = { type: "image", source: { type: "data", value: png, mimeType: "image/png" } }
        for (const part of parts) {
          const { body, warnings } = yield* Effect.all({
            body: requestFor(protocol, [
              { role: "user", parts: [...text("See"), part, image, ...text("this")] },
            ]),
          }).pipe(withWarnings)
          inOrder(body, ["See", png, "this"])
          assertTrue(!JSON.stringify(body).includes("file-of-"))
          strictEqual(warnings.length, 1, JSON.stringify(part))
        }
        const { body, warnings } = yield* Effect.all({
          body: requestFor(protocol, [
            { role: "user", parts: [{ type: "image" }] },
            { role: "narrator", parts: text("Once") },
            { role: "user", parts: text("Hello") },
          ]),
        }).pipe(withWarnings)
        assertTrue(!JSON.stringify(body).includes("Once"))
        inOrder(body, ["Hello"])
        strictEqual(warnings.length, 1)
      }),
    )

    it.scopedLive("leaves out files that the model's server refuses", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(({ body }) =>
          JSON.stringify(body).includes(png)
            ? { status: 400, error: { type: "invalid_request_error", message: "Could not process image" } }
            : { texts: ["ok"] },
        )
        const { execute } = yield* ModelRuns.executor(protocol, server)
        const image = { type: "image", source: { type: "data", value: png, mimeType: "image/png" } }
        const messages = [{ role: "user", parts: [...text("See"), image] }]
        const events = yield* ModelRuns.eventsOf(execute, ModelRuns.claimed({ snapshot: snapshot(messages) }))
        strictEqual(ModelRuns.textOf(events), "ok")
        strictEqual(server.requests.length, 2)
      }).pipe(Effect.provide(ModelRuns.log)),
    )

    it.scopedLive("holds the errors and texts of tool results, and no other parts", () =>
      Effect.gen(function* () {
        const image = { type: "image", source: { type: "data", value: png, mimeType: "image/png" } }
        const call = (id: string) => ({ type: "tool_call", toolCallId: id, toolName: "look", args: "{}" })
        const result = (id: string, fields: object): Message => ({
          role: "tool",
          parts: [{ type: "tool_result", toolCallId: id, ...fields }],
        })
        const body = yield* requestFor(protocol, [
          { role: "user", parts: text("Look") },
          { role: "assistant", parts: ["a", "b", "c", "d", "e"].map(call) },
          result("a", { result: "", isError: true, error: "The page is gone" }),
          result("b", { result: "half", isError: true, error: "It broke" }),
          result("c", { result: [...text("A red"), image, ...text("dot")] }),
          result("d", { result: [image] }),
          result("e", { result: [{ type: "apple" }, 1] }),
        ])
        deepStrictEqual(resultsOf(protocol, body), [
          "The page is gone",
          "It broke\nhalf",
          "A red\ndot",
          "",
          '[{"type":"apple"},1]',
        ])
        assertTrue(!JSON.stringify(body).includes(png))
      }),
    )

    it.scopedLive("has the result of a call before what a later step of the same page says", () =>
      Effect.gen(function* () {
        const call = { type: "tool_call", toolCallId: "a", toolName: "weather", args: '{"city":"Oslo"}' }
        const body = yield* requestFor(protocol, [
          { role: "user", parts: text("Weather?") },
          // Each message is a step, and a step has the results of its calls.
          {
            role: "assistant",
            parts: [call, { type: "tool_result", toolCallId: "a", result: "Three degrees" }],
          },
          { role: "assistant", parts: text("It is cold") },
          { role: "user", parts: text("Thanks") },
        ])
        inOrder(body["input"] ?? body["messages"], [
          "Weather?",
          "Oslo",
          "Three degrees",
          "It is cold",
          "Thanks",
        ])
      }),
    )

    it.scopedLive("returns encrypted reasoning to the provider that wrote it, and to no other", () =>
      Effect.gen(function* () {
        const secret = (options: object) => JSON.stringify(options)
        const secrets = {
          responses: secret({ openai: { itemId: "rs_1", encryptedContent: "secret-1" } }),
          messages: secret({ anthropic: { type: "thinking", signature: "signature-1" } }),
          completions: secret({ other: { a: 1 } }),
        }
        const history = (encryptedValue: string): ReadonlyArray<AgentEvent.Message> => [
          { id: "u1", role: "user", content: "How many?" },
          { id: "r1", role: "reasoning", content: "I count", encryptedValue },
          {
            id: "a1",
            role: "assistant",
            content: "Counting.",
            toolCalls: [{ id: "t1", type: "function", function: { name: "count", arguments: "{}" } }],
          },
          { id: "o1", role: "tool", toolCallId: "t1", content: "7" },
          { id: "r2", role: "reasoning", content: "of no answer", encryptedValue },
          { id: "u2", role: "user", content: "Sure?" },
        ]
        const bodyOf = (encryptedValue: string) =>
          requestFor(protocol, AgUiMessages.fromAgUi(history(encryptedValue)))
        const own = yield* bodyOf(secrets[protocol])
        if (protocol === "completions") assertTrue(!JSON.stringify(own).includes("I count"))
        else {
          const mark = protocol === "responses" ? "secret-1" : "signature-1"
          inOrder(own["input"] ?? own["messages"], ["How many?", "I count", "Counting.", "Sure?"])
          strictEqual(JSON.stringify(own).split(mark).length, 2)
        }
        for (const foreign of Object.values(secrets).filter((one) => one !== secrets[protocol])) {
          const body = yield* bodyOf(foreign)
          assertTrue(!JSON.stringify(body).includes("I count"))
          inOrder(body["input"] ?? body["messages"], ["How many?", "Counting.", "Sure?"])
        }
        yield* bodyOf("of another agent")
      }),
    )

    if (protocol === "responses") {
      it.scopedLive("names a file in the storage of its provider", () =>
        Effect.gen(function* () {
          const source = { type: "file" as const, value: "file-1", provider: "openai" }
          const [message] = AgUiMessages.fromAgUi([
            { id: "u1", role: "user", content: [{ type: "image", source }] },
          ])
          const body = yield* requestFor(protocol, [message!])
          assertTrue(JSON.stringify(body).includes('"file_id":"file-1"'), JSON.stringify(body))
        }),
      )
    }

    it.scopedLive("is only the system message when the request has no messages", () =>
      Effect.gen(function* () {
        const body = yield* requestFor(protocol, [])
        assertTrue(JSON.stringify(body).includes("Own."))
        const { tools } = { tools: undefined, ...body }
        deepStrictEqual(tools, undefined)
      }),
    )
  })
}
