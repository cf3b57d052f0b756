/**
 * Models through `@effect/ai-openai`, which a program that uses them installs.
 */
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { Effect, Layer, Stream } from "effect"
import type { Options } from "../AiModel.js"
import * as ChatCompletions from "../ChatCompletions.js"
import * as Access from "./Access.js"

type OpenAi = OpenAiClient.Service

/** Adds what the provider's module ignores: a failed response becomes an error, a refusal becomes text. */
const withFailures = (client: OpenAi): OpenAi => ({
  ...client,
  createResponseStream: (request) =>
    Stream.map(client.createResponseStream(request), (event) => {
      if (event.type === "response.failed") {
        return new OpenAiClient.ResponseErrorEvent({
          type: "error",
          code: event.response.error?.code ?? "server_error",
          message: event.response.error?.message ?? "The response failed",
          param: null,
          sequence_number: event.sequence_number,
        })
      }
      if (event.type === "response.refusal.delta") {
        return new OpenAiClient.ResponseOutputTextDeltaEvent({ ...event, type: "response.output_text.delta" })
      }
      return event
    }),
})

const client = (baseUrl: string | undefined) =>
  Layer.scoped(
    OpenAiClient.OpenAiClient,
    Effect.flatMap(Access.of("OPENAI", baseUrl), (options) =>
      Effect.map(OpenAiClient.make(options), withFailures),
    ),
  ).pipe(Layer.provide(Access.http))

/** A model through the Responses API. The tools are not `strict`, since most JSON schemas are not. */
export const responses = (model: string, { baseUrl, maxOutputTokens }: Options) =>
  OpenAiLanguageModel.layer({
    model,
    config: {
      strict: false,
      // The ids of files in the storage of OpenAI begin with this.
      fileIdPrefixes: ["file-"],
      ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
    },
  }).pipe(Layer.provide(client(baseUrl)))

/** A model through chat completions. */
export const chat = (model: string, { baseUrl, maxOutputTokens }: Options) =>
  ChatCompletions.layer({ model, maxTokens: maxOutputTokens }).pipe(Layer.provide(client(baseUrl)))
