import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { createServer } from "node:http"
import * as ModelServer from "../src/ModelServer.js"

const http = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

/** What the model sends to a question, as the chunks of its stream. */
const chunksOf = (question: unknown, tools?: ReadonlyArray<object>) =>
  Effect.gen(function* () {
    const { url } = yield* ModelServer.ModelServer
    const request = yield* HttpClientRequest.bodyJson(HttpClientRequest.post(`${url}/chat/completions`), {
      model: "any",
      stream: true,
      messages: [{ role: "user", content: question }],
      ...(tools === undefined ? {} : { tools }),
    })
    const { stream } = yield* HttpClient.execute(request)
    const text = yield* Stream.mkString(Stream.decodeText(stream))
    const frames = text.trim().split("\n\n")
    expect(frames.at(-1)).toBe("data: [DONE]")
    return frames.slice(0, -1).map((frame) => JSON.parse(frame.slice("data: ".length)))
  })

const deltasOf = (chunks: ReadonlyArray<{ readonly choices: ReadonlyArray<{ readonly delta: object }> }>) =>
  chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))

describe("a stand-in for a model", () => {
  it.scoped("sends a text word by word, with the tokens that it used, and has its requests", () =>
    Effect.gen(function* () {
      const chunks = yield* chunksOf([{ type: "text", text: "Well?" }])
      expect(deltasOf(chunks)).toEqual([
        { role: "assistant", content: "Well? " },
        { role: "assistant", content: "is " },
        { role: "assistant", content: "0" },
        {},
      ])
      expect(chunks.at(-1).usage).toEqual({ prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 })
      yield* chunksOf("Again?")
      const requests = yield* Effect.flatMap(ModelServer.ModelServer, (model) => model.requests)
      expect(requests.map(({ messages }) => messages.map(ModelServer.textOf))).toEqual([
        ["Well?"],
        ["Again?"],
      ])
    }).pipe(
      Effect.provide([
        ModelServer.layer(
          ({ messages }, before) => `${messages.map(ModelServer.textOf).join()} is ${before}`,
        ).pipe(Layer.provide(http)),
        FetchHttpClient.layer,
      ]),
    ),
  )

  it.scoped("calls a tool that it has, and sends a stream as it comes", () =>
    Effect.gen(function* () {
      const tool = { type: "function", function: { name: "refund" } }
      const [called] = deltasOf(yield* chunksOf("Refund", [tool]))
      expect(called).toMatchObject({
        tool_calls: [{ id: "call-1", function: { name: "refund", arguments: '{"euros":9}' } }],
      })
      expect(deltasOf(yield* chunksOf("Refund")).slice(0, 2)).toMatchObject([
        { content: "no " },
        { content: "tool" },
      ])
    }).pipe(
      Effect.provide([
        ModelServer.layer(({ tools }) =>
          tools.length === 0 ? Stream.make("no ", "tool") : { tool: "refund", arguments: { euros: 9 } },
        ).pipe(Layer.provide(http)),
        FetchHttpClient.layer,
      ]),
    ),
  )
})
