/**
 * Models by name, such as a command line has them.
 *
 * @since 0.1.0
 */
import { type LanguageModel, Model } from "@effect/ai"
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { Config, type ConfigError, Effect, Layer, Option, type Redacted, Schema, Stream } from "effect"
import * as ChatCompletions from "./ChatCompletions.js"

/** No provider has that name, or no model is named. */
export class UnknownModel extends Schema.TaggedError<UnknownModel>("@runlease/executor-ai/UnknownModel")(
  "UnknownModel",
  { name: Schema.String },
) {
  override get message() {
    return (
      `${JSON.stringify(this.name)} names no model; write openai:<model> or anthropic:<model>, ` +
      "or openai-chat:<model> for a server that speaks OpenAI's chat completions"
    )
  }
}

/**
 * Units: `maxOutputTokens` is the most that one answer may have: the provider's own limit when absent, but 4096 for
 * Anthropic, whose API demands one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Where the API is, with its version where it has one, such as `http://localhost:11434/v1`. Default: OPENAI_BASE_URL or
   * ANTHROPIC_BASE_URL where it is set, and else the provider's own.
   */
  readonly baseUrl?: string | undefined
  readonly maxOutputTokens?: number | undefined
}

type OpenAi = OpenAiClient.Service

/** What the provider's module passes over: an answer that failed, and a refusal to answer. */
const attentive = (client: OpenAi): OpenAi => ({
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

/** Where the API is and what opens it. A server of one's own may have no key. */
const access = (prefix: "OPENAI" | "ANTHROPIC", baseUrl: string | undefined) =>
  Effect.gen(function* () {
    const configured = yield* Config.option(Config.string(`${prefix}_BASE_URL`))
    const apiUrl = (baseUrl ?? Option.getOrUndefined(configured))?.replace(/\/+$/, "")
    const key = Config.redacted(`${prefix}_API_KEY`)
    const apiKey: Redacted.Redacted | undefined =
      apiUrl === undefined ? yield* key : Option.getOrUndefined(yield* Config.option(key))
    return { apiKey, apiUrl }
  })

const openAiClient = (
  baseUrl: string | undefined,
): Layer.Layer<OpenAiClient.OpenAiClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.scoped(
    OpenAiClient.OpenAiClient,
    Effect.flatMap(access("OPENAI", baseUrl), (options) => Effect.map(OpenAiClient.make(options), attentive)),
  )

const anthropicClient = (baseUrl: string | undefined) =>
  Layer.unwrapEffect(
    Effect.map(access("ANTHROPIC", baseUrl), ({ apiKey, apiUrl }) =>
      // Its paths begin with the version.
      AnthropicClient.layer({ apiKey, apiUrl: apiUrl?.replace(/\/v1$/, "") }),
    ),
  )

/**
 * The model of that name: `openai:<model>` through the Responses API, `anthropic:<model>`, or `openai-chat:<model>` through
 * chat completions, which servers that are compatible with OpenAI speak.
 *
 * Keys are read from the Config: OPENAI_API_KEY and ANTHROPIC_API_KEY. One is needed where no `baseUrl` is given.
 * Tools are described to OpenAI as not `strict`, since most JSON schemas are not.
 *
 * Fails: `UnknownModel`; `ConfigError` without a key.
 *
 * @since 0.1.0
 * @category layers
 */
export const fromName = (
  name: string,
  { baseUrl, maxOutputTokens }: Options = {},
): Layer.Layer<LanguageModel.LanguageModel | Model.ProviderName, UnknownModel | ConfigError.ConfigError> => {
  const [, provider = "", model = ""] = /^([^:]+):(.+)$/.exec(name) ?? []
  const named = Layer.succeed(Model.ProviderName, provider)
  switch (provider) {
    case "openai":
      return OpenAiLanguageModel.layer({
        model,
        config: {
          strict: false,
          // Of the ids that OpenAI gives to the files that it keeps.
          fileIdPrefixes: ["file-"],
          ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
        },
      }).pipe(Layer.provide(openAiClient(baseUrl)), Layer.provide(FetchHttpClient.layer), Layer.merge(named))
    case "openai-chat":
      return ChatCompletions.layer({ model, maxTokens: maxOutputTokens }).pipe(
        Layer.provide(openAiClient(baseUrl)),
        Layer.provide(FetchHttpClient.layer),
        Layer.merge(named),
      )
    case "anthropic":
      return AnthropicLanguageModel.layer({
        model,
        config: maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens },
      }).pipe(
        Layer.provide(anthropicClient(baseUrl)),
        Layer.provide(FetchHttpClient.layer),
        Layer.merge(named),
      )
    default:
      return Layer.fail(new UnknownModel({ name }))
  }
}
