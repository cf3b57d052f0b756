/**
 * Language models by name, for a command line or a setting.
 *
 * Source: docs/decisions/0088-providers-are-optional.md
 */
import { type LanguageModel, Model } from "@effect/ai"
import { type ConfigError, Effect, Layer, Schema } from "effect"
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

/** The versions of the packages of providers that this one works with. */
const versions = { "@effect/ai-openai": "0.41", "@effect/ai-anthropic": "0.27" } as const

/** The package of the provider is not installed. `install`: the package with its version, as package managers take it. */
export class ProviderMissing extends Schema.TaggedError<ProviderMissing>(
  "@runlease/executor-ai/ProviderMissing",
)("ProviderMissing", { name: Schema.String, install: Schema.String }) {
  override get message() {
    return `The model ${this.name} needs a package that is not installed: npm install ${this.install}`
  }
}

/**
 * The address of the API, and a bound on answers.
 *
 * Units: `maxOutputTokens` bounds the tokens of one answer. When absent, the provider's own limit applies; for Anthropic,
 * whose API demands a limit, it is 4096.
 */
export interface Options {
  /**
   * The URL of the API with its version, if it has one, such as `http://localhost:11434/v1`. Default: OPENAI_BASE_URL or
   * ANTHROPIC_BASE_URL if it is set, else the provider's own URL.
   */
  readonly baseUrl?: string | undefined
  readonly maxOutputTokens?: number | undefined
}

type Provided = Layer.Layer<LanguageModel.LanguageModel, ConfigError.ConfigError>

/** The module that uses a provider's package, loaded once a model of it is used. */
const load = <A>(
  name: string,
  provider: keyof typeof versions,
  module: () => Promise<A>,
  layer: (loaded: A) => Provided,
): Layer.Layer<LanguageModel.LanguageModel, ProviderMissing | ConfigError.ConfigError> =>
  Layer.unwrapEffect(
    Effect.tryPromise({ try: module, catch: (error) => error }).pipe(
      Effect.catchAll((error) =>
        error instanceof Error && error.message.includes(provider)
          ? new ProviderMissing({ name, install: `${provider}@${versions[provider]}` })
          : Effect.die(error),
      ),
      Effect.map(layer),
    ),
  )

/**
 * Provides the model of a name: `openai:<model>` through the Responses API, `anthropic:<model>`, or `openai-chat:<model>`
 * through chat completions, for servers that are compatible with OpenAI. The first and the last need the package `@effect/ai-openai`,
 * the other one `@effect/ai-anthropic`.
 *
 * The keys come from the Config: OPENAI_API_KEY and ANTHROPIC_API_KEY. A key is required unless `baseUrl` or its variable
 * is set. OpenAI gets the tools as not `strict`, since most JSON schemas are not.
 *
 * Fails: `UnknownModel`; `ProviderMissing`; `ConfigError` without a key.
 */
export const fromName = (
  name: string,
  options: Options = {},
): Layer.Layer<
  LanguageModel.LanguageModel | Model.ProviderName | ModelName,
  UnknownModel | ProviderMissing | ConfigError.ConfigError
> => {
  const [, provider = "", model = ""] = /^([^:]+):(.+)$/.exec(name) ?? []
  const named = Layer.merge(Layer.succeed(Model.ProviderName, provider), Layer.succeed(ModelName, model))
  const openAi = () => import("./internal/OpenAiModel.js")
  switch (provider) {
    case "openai":
      return Layer.merge(
        load(name, "@effect/ai-openai", openAi, ({ responses }) => responses(model, options)),
        named,
      )
    case "openai-chat":
      return Layer.merge(
        load(name, "@effect/ai-openai", openAi, ({ chat }) => chat(model, options)),
        named,
      )
    case "anthropic":
      return Layer.merge(
        load(
          name,
          "@effect/ai-anthropic",
          () => import("./internal/AnthropicModel.js"),
          ({ messages }) => messages(model, options),
        ),
        named,
      )
    default:
      return Layer.fail(new UnknownModel({ name }))
  }
}
