/**
 * A language model behind the API for chat completions. Servers that are compatible with OpenAI speak it: llama.cpp, vLLM,
 * Ollama, LM Studio and many more. For OpenAI's own models prefer `@effect/ai-openai`, which speaks the Responses API. This
 * module uses the client of that package.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat/streaming
 */
import { AiError, LanguageModel, type Response } from "@effect/ai"
import { OpenAiClient } from "@effect/ai-openai"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Effect, Layer, Stream } from "effect"
import * as ChatAnswer from "./internal/ChatAnswer.js"
import * as ChatRequest from "./internal/ChatRequest.js"

/**
 * The model's name on its server, and a bound on its answers.
 *
 * Units: `maxTokens` bounds the tokens of one answer. When absent, the server's default applies.
 */
export interface Options {
  readonly model: string
  readonly maxTokens?: number | undefined
}

/** An answer without its end is none: the connection was cut, or the server does not stream. */
const checkEnd = (
  parts: Array<Response.PartEncoded>,
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> =>
  parts.some(({ type }) => type === "finish")
    ? Effect.succeed(parts)
    : new AiError.MalformedOutput({
        module: "ChatCompletions",
        method: "generateText",
        description:
          "The answer of the model's server has no finish_reason: it was cut off, or the server does not stream, as `stream: true` asks",
      })

const fold = (
  stream: Stream.Stream<Response.StreamPartEncoded, AiError.AiError>,
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> =>
  Stream.runFold(stream, [] as Array<Response.PartEncoded>, (parts, part) => {
    const last = parts.at(-1)
    switch (part.type) {
      case "text-delta":
        if (last?.type !== "text") return [...parts, { type: "text", text: part.delta }]
        return [...parts.slice(0, -1), { ...last, text: last.text + part.delta }]
      case "reasoning-delta":
        if (last?.type !== "reasoning") return [...parts, { type: "reasoning", text: part.delta }]
        return [...parts.slice(0, -1), { ...last, text: last.text + part.delta }]
      case "tool-call":
      case "finish":
      case "response-metadata":
        return [...parts, part]
      default:
        return parts
    }
  })

/** Collects a streamed answer, for `generateText`. */
const collect = (
  stream: Stream.Stream<Response.StreamPartEncoded, AiError.AiError>,
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> => Effect.flatMap(fold(stream), checkEnd)

/** A model on the server of the context's client. It always streams, also for `generateText`. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const client = yield* OpenAiClient.OpenAiClient

  const answer = (request: LanguageModel.ProviderOptions) =>
    Effect.map(ChatRequest.make(options, request), (body) =>
      ChatAnswer.parts(
        client.streamRequest(
          HttpClientRequest.post("/chat/completions", { body: HttpBody.unsafeJson(body) }),
          ChatAnswer.Chunk,
        ),
      ),
    ).pipe(Stream.unwrap)

  return yield* LanguageModel.make({
    streamText: answer,
    generateText: (request) => collect(answer(request)),
  })
})

/** Provides the language model through chat completions. */
export const layer = (
  options: Options,
): Layer.Layer<LanguageModel.LanguageModel, never, OpenAiClient.OpenAiClient> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))
