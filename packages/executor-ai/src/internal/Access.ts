/**
 * Where the API of a provider is, and the key for it.
 */
import { Config, Effect, Option, type Redacted } from "effect"

/** The URL of the API and its key. The key is optional when a URL is configured. */
export const of = (prefix: "OPENAI" | "ANTHROPIC", baseUrl: string | undefined) =>
  Effect.gen(function* () {
    const configured = yield* Config.option(Config.string(`${prefix}_BASE_URL`))
    const apiUrl = (baseUrl ?? Option.getOrUndefined(configured))?.replace(/\/+$/, "")
    const key = Config.redacted(`${prefix}_API_KEY`)
    const apiKey: Redacted.Redacted | undefined =
      apiUrl === undefined ? yield* key : Option.getOrUndefined(yield* Config.option(key))
    return { apiKey, apiUrl }
  })
