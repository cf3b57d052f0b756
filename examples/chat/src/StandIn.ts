import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { AiModel } from "@runlease/executor-ai"
import { Effect, Layer, Schema, Stream } from "effect"
import { createServer } from "node:http"

const Request = Schema.Struct({
  messages: Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.Unknown })),
})

/** The answer, word by word, as a stream of OpenAI's chat completions. */
const chunksOf = (answer: string): ReadonlyArray<string> => {
  const chunk = (choices: ReadonlyArray<object>, usage?: object) =>
    JSON.stringify({
      id: "1",
      object: "chat.completion.chunk",
      created: 0,
      model: "stand-in",
      choices,
      usage,
    })
  const words = answer.split(/(?<= )/)
  return [
    ...words.map((content) =>
      chunk([{ index: 0, delta: { role: "assistant", content }, finish_reason: null }]),
    ),
    chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
    chunk([], { prompt_tokens: 10, completion_tokens: words.length, total_tokens: 10 + words.length }),
    "[DONE]",
  ]
}

/** Answers with the number of messages in the request. */
const answer = Effect.gen(function* () {
  const { messages } = yield* HttpServerRequest.schemaBodyJson(Request)
  const text = `I have read ${messages.length} messages, and have nothing to add.`
  return HttpServerResponse.stream(
    Stream.encodeText(Stream.fromIterable(chunksOf(text).map((data) => `data: ${data}\n\n`))),
    { contentType: "text/event-stream" },
  )
})

/** A stand-in for a model: a server on loopback with the protocol of a real one. */
export const model = Layer.unwrapEffect(
  HttpServer.addressFormattedWith((url) =>
    Effect.succeed(AiModel.fromName("openai-chat:stand-in", { baseUrl: `${url}/v1` })),
  ),
).pipe(
  Layer.provideMerge(
    HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.post("/v1/chat/completions", answer))),
  ),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
)
