import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema, Stream } from "effect"
import { createServer } from "node:http"

const Message = Schema.Struct({ role: Schema.String, content: Schema.optional(Schema.Unknown) })

const Request = Schema.Struct({
  messages: Schema.Array(Message),
  tools: Schema.optional(Schema.Array(Schema.Struct({ function: Schema.Struct({ name: Schema.String }) }))),
})
type Request = typeof Request.Type

/** The longest answer of the stand-in. */
export const story =
  "A worker takes a run and holds it under a lease. It writes down each word as it comes, and each word is safe. " +
  "One day the worker is killed in the middle of a sentence. Its lease runs out, another worker takes the run, and " +
  "begins the answer anew. The page that waits for it notices a pause, and the end of the story comes all the same."

/** The text of a message: a string, or parts of which some are text. */
const textOf = ({ content }: typeof Message.Type): string =>
  Array.isArray(content) ? content.map((part) => part?.text ?? "").join("") : String(content ?? "")

interface Answer {
  readonly text?: string
  readonly call?: { readonly name: string; readonly arguments: string }
}

/** Answers requests for colours, refunds and a story; else with the number of messages in the request. */
const answerTo = ({ messages, tools = [] }: Request): Answer => {
  const question = messages.findLast(({ role }) => role === "user")
  const result = messages.at(-1)
  const text = question === undefined ? "" : textOf(question)
  if (result?.role === "tool") return { text: `What came of it: ${textOf(result)}` }
  const has = (name: string) => tools.some((tool) => tool.function.name === name)
  const color = /\b(teal|crimson|indigo|orange|green)\b/i.exec(text)?.[0].toLowerCase()
  if (color !== undefined && has("setAccent")) {
    return { call: { name: "setAccent", arguments: JSON.stringify({ color }) } }
  }
  const euros = /refund (\d+)/i.exec(text)?.[1]
  if (euros !== undefined && has("refund")) {
    return { call: { name: "refund", arguments: JSON.stringify({ euros: Number(euros) }) } }
  }
  if (/story/i.test(text)) return { text: story }
  return { text: `I have read ${messages.length} messages, and have nothing to add.` }
}

/** The answer, word by word, as a stream of OpenAI's chat completions. */
const chunksOf = ({ call, text }: Answer, id: string): ReadonlyArray<string> => {
  const chunk = (delta: object, finish: string | null = null) =>
    JSON.stringify({
      id,
      object: "chat.completion.chunk",
      created: 0,
      model: "stand-in",
      choices: [{ index: 0, delta, finish_reason: finish }],
    })
  const words = (text ?? "").split(/(?<= )/).map((content) => chunk({ role: "assistant", content }))
  return call === undefined
    ? [...words, chunk({}, "stop"), "[DONE]"]
    : [
        chunk({ role: "assistant", tool_calls: [{ index: 0, id, type: "function", function: call }] }),
        chunk({}, "tool_calls"),
        "[DONE]",
      ]
}

const answer = (pace: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.schemaBodyJson(Request)
    const chunks = chunksOf(answerTo(request), `call-${crypto.randomUUID()}`)
    const frames = Stream.mapEffect(Stream.fromIterable(chunks), (data) =>
      Effect.as(pace, `data: ${data}\n\n`),
    )
    return HttpServerResponse.stream(Stream.encodeText(frames), { contentType: "text/event-stream" })
  })

/** A stand-in for a model: a server on loopback with the protocol of a real one. It runs `pace` before each word. */
export const layer = (pace: Effect.Effect<void>) =>
  HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.post("/v1/chat/completions", answer(pace)))).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  )
