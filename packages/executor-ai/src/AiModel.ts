/**
 * Language models by name, for a command line or a setting.
 *
 * @since 0.1.0
 */
import { type LanguageModel, Model } from "@effect/ai"
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { Config, type ConfigError, Effect, Layer, Option, type Redacted, Schema, Stream } from "effect"
import * as ChatCompletions from "./ChatCompletions.js"
import { ModelName } from "./internal/ModelName.js"

export { ModelName }

/** The name has no supported provider, or no model. */
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
 * The address of the API, and a bound on answers.
 *
 * Units: `maxOutputTokens` bounds the tokens of one answer. When absent, the provider's own limit applies; for Anthropic,
 * whose API demands a limit, it is 4096.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The URL of the API with its version, if it has one, such as `http://localhost:11434/v1`. Default: OPENAI_BASE_URL or
   * ANTHROPIC_BASE_URL if it is set, else the provider's own URL.
   */
  readonly baseUrl?: string | undefined
  readonly maxOutputTokens?: number | undefined
}

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

/** The URL of the API and its key. The key is optional when a URL is configured. */
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
    Effect.flatMap(access("OPENAI", baseUrl), (options) =>
      Effect.map(OpenAiClient.make(options), withFailures),
    ),
  )

const anthropicClient = (baseUrl: string | undefined) =>
  Layer.unwrapEffect(
    Effect.map(access("ANTHROPIC", baseUrl), ({ apiKey, apiUrl }) =>
      // The paths of Anthropic's client begin with the version.
      AnthropicClient.layer({ apiKey, apiUrl: apiUrl?.replace(/\/v1$/, "") }),
    ),
  )

/**
 * Provides the model of a name: `openai:<model>` through the Responses API, `anthropic:<model>`, or `openai-chat:<model>`
 * through chat completions, for servers that are compatible with OpenAI.
 *
 * The keys come from the Config: OPENAI_API_KEY and ANTHROPIC_API_KEY. A key is required unless `baseUrl` or its variable
 * is set. OpenAI gets the tools as not `strict`, since most JSON schemas are not.
 *
 * Fails: `UnknownModel`; `ConfigError` without a key.
 *
 * @since 0.1.0
 * @category layers
 */
export const fromName = (
  name: string,
  { baseUrl, maxOutputTokens }: Options = {},
): Layer.Layer<
  LanguageModel.LanguageModel | Model.ProviderName | ModelName,
  UnknownModel | ConfigError.ConfigError
> => {
  const [, provider = "", model = ""] = /^([^:]+):(.+)$/.exec(name) ?? []
  const named = Layer.merge(Layer.succeed(Model.ProviderName, provider), Layer.succeed(ModelName, model))
  switch (provider) {
    case "openai":
      return OpenAiLanguageModel.layer({
        model,
        config: {
          strict: false,
          // The ids of files in the storage of OpenAI begin with this.
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
