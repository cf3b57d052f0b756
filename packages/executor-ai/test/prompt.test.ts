/** What of a request's snapshot a model is told. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { RequestSnapshot } from "@runlease/core"
import { Effect } from "effect"
import * as Asking from "./Asking.js"
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

/** What the model is asked for a snapshot. */
const asked = (
  protocol: ModelServer.Protocol,
  messages: ReadonlyArray<Message>,
  changes?: Partial<RequestSnapshot.RequestSnapshot>,
) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["ok"] }))
    const { execute } = yield* Asking.executor(protocol, server, { system: "Own." })
    yield* Asking.eventsOf(execute, Asking.claimed({ snapshot: snapshot(messages, changes) }))
    return server.requests[0]!.body
  }).pipe(Effect.provide(Asking.log))

const refused = (protocol: ModelServer.Protocol, messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["ok"] }))
    const { execute } = yield* Asking.executor(protocol, server)
    const { error } = yield* Asking.failureOf(execute, Asking.claimed({ snapshot: snapshot(messages) }))
    strictEqual(server.requests.length, 0)
    return error
  }).pipe(Effect.provide(Asking.log))

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
  { role: "tool", parts: [{ type: "tool_result", toolCallId: "lost", result: "of nobody" }] },
  { role: "activity", parts: text("not for the model") },
  { role: "assistant", parts: text("") },
]

for (const protocol of Asking.protocols) {
  describe(`the prompt (${protocol})`, () => {
    it.scopedLive("is the whole conversation, each result right after its call", () =>
      Effect.gen(function* () {
        const body = yield* asked(protocol, conversation, {
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
          "of nobody",
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
          const body = yield* asked(protocol, [{ role: "user", parts: [...text("What is it?"), form] }])
          inOrder(body, ["What is it?", png])
          assertTrue(JSON.stringify(body).includes("image/png"))
        }
        const location = "https://images.example/dot.png"
        const byUrl = { type: "image", source: { type: "url", value: location } }
        assertTrue(
          JSON.stringify(yield* asked(protocol, [{ role: "user", parts: [byUrl] }])).includes(location),
        )
      }),
    )

    it.scopedLive("holds a text file as text and a PDF as a file", () =>
      Effect.gen(function* () {
        const pdf = Buffer.from("%PDF-1.4").toString("base64")
        const body = yield* asked(protocol, [
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

    it.scopedLive("does without nothing: media that it cannot hold fail the run", () =>
      Effect.gen(function* () {
        const video = { type: "video", source: { type: "data", value: "AAAA", mimeType: "video/mp4" } }
        const unsupported = yield* refused(protocol, [{ role: "user", parts: [...text("See"), video] }])
        strictEqual(unsupported.code, "model_input_unsupported")
        strictEqual(unsupported.retryable, false)
        assertTrue(unsupported.message.includes("video/mp4"), unsupported.message)
        for (const part of [
          { type: "image" },
          { type: "file", data: "no base64!", mediaType: "image/png" },
          { type: "file", url: "not a url", mediaType: "image/png" },
          { type: "file", url: "data:image/png;base64,%%%" },
        ]) {
          const error = yield* refused(protocol, [{ role: "user", parts: [part] }])
          strictEqual(error.code, "bad_part")
        }
      }),
    )

    it.scopedLive("may be nothing but what the executor says", () =>
      Effect.gen(function* () {
        const body = yield* asked(protocol, [])
        assertTrue(JSON.stringify(body).includes("Own."))
        const { tools } = { tools: undefined, ...body }
        deepStrictEqual(tools, undefined)
      }),
    )
  })
}
