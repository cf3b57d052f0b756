/**
 * A language model behind the API for chat completions, which most servers of models speak that call themselves compatible
 * with OpenAI (llama.cpp, vLLM, Ollama, LM Studio and many more). OpenAI's own models are better asked through
 * `@effect/ai-openai`, whose model speaks the Responses API alone; its client is used here as well.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat/streaming
 *
 * @since 0.1.0
 */
import { type AiError, LanguageModel, type Response } from "@effect/ai"
import { OpenAiClient } from "@effect/ai-openai"
import { HttpBody, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Stream } from "effect"
import * as ChatAnswer from "./internal/ChatAnswer.js"
import * as ChatRequest from "./internal/ChatRequest.js"

/**
 * Units: `maxTokens` is the most that one answer may have, what the server takes when absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly model: string
  readonly maxTokens?: number | undefined
}

/** The whole of an answer, for whoever does not want it as it comes. */
const collect = (
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

/**
 * A model of the server that the client of the context talks to. It streams always.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const client = yield* OpenAiClient.OpenAiClient

  const answer = (asked: LanguageModel.ProviderOptions) =>
    Effect.map(ChatRequest.make(options, asked), (body) =>
      ChatAnswer.parts(
        client.streamRequest(
          HttpClientRequest.post("/chat/completions", { body: HttpBody.unsafeJson(body) }),
          ChatAnswer.Chunk,
        ),
      ),
    ).pipe(Stream.unwrap)

  return yield* LanguageModel.make({
    streamText: answer,
    generateText: (asked) => collect(answer(asked)),
  })
})

/**
 * The model of the context, through chat completions.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options,
): Layer.Layer<LanguageModel.LanguageModel, never, OpenAiClient.OpenAiClient> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))
