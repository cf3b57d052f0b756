/**
 * Models through `@effect/ai-anthropic`, which a program that uses them installs.
 */
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { Effect, Layer } from "effect"
import type { Options } from "../AiModel.js"
import * as Access from "./Access.js"

const client = (baseUrl: string | undefined) =>
  Layer.unwrapEffect(
    Effect.map(Access.of("ANTHROPIC", baseUrl), ({ apiKey, apiUrl }) =>
      // The paths of Anthropic's client begin with the version.
      AnthropicClient.layer({ apiKey, apiUrl: apiUrl?.replace(/\/v1$/, "") }),
    ),
  ).pipe(Layer.provide(Access.http))

/** A model through the Messages API. */
export const messages = (model: string, { baseUrl, maxOutputTokens }: Options) =>
  AnthropicLanguageModel.layer({
    model,
    config: maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens },
  }).pipe(Layer.provide(client(baseUrl)))
